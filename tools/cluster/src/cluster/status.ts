import { apiClient } from "../control-plane/client.ts";
import { daemonsIn, thisMachine } from "../daemons/daemons.ts";
import { runFolder as dir } from "../layout.ts";
import { findNode } from "../node/namespaces.ts";
import { clusterKubeconfig } from "./cluster.ts";
import { readProfile } from "./profile.ts";

const notUp = 1;

/** Prints one line for each server, then what the API server says about its nodes. Exit code 0 when all of it runs. */
export async function printStatus(): Promise<number> {
  const profile = await readProfile(dir);
  const place = profile === "node" ? await findNode(dir) : thisMachine;
  if (profile === undefined || place === undefined) {
    print(
      profile === undefined
        ? "No cluster is up."
        : "The cluster broke down: `npm run cluster -- up` starts it anew.",
    );
    return notUp;
  }
  const daemons = daemonsIn(dir, place);
  const names = (await daemons.known()).filter((name) => name !== "node").toSorted();
  const states = await Promise.all(
    names.map(async (name) => ({ name, isRunning: await daemons.isRunning(name) })),
  );
  for (const { name, isRunning } of states)
    print(`${name.padEnd(24)} ${isRunning ? "runs" : `ended, see ${daemons.logFile(name)}`}`);
  print(await describeNodes());
  print(`KUBECONFIG=${clusterKubeconfig}`);
  return states.every(({ isRunning }) => isRunning) ? 0 : notUp;
}

interface NodeList {
  readonly items: readonly {
    readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

async function describeNodes(): Promise<string> {
  try {
    const api = await apiClient(clusterKubeconfig);
    const { items } = (await api.call("GET", "/api/v1/nodes")) as NodeList;
    const ready = items.filter(({ status }) =>
      status.conditions.some(({ type, status: value }) => type === "Ready" && value === "True"),
    );
    return `${ready.length} of ${items.length} nodes ready`;
  } catch (error) {
    return `The API server does not answer: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
