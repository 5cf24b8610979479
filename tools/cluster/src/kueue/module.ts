import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { parse } from "yaml";
import { apiClient } from "../control-plane/client.ts";
import { modulesFolder } from "../layout.ts";

const run = promisify(execFile);

/** Kueue as Go's cache has it: its programs are built from there, and its definitions and settings lie there. */
export interface KueueModule {
  readonly folder: string;
  readonly version: string;
}

/** Fetched anew where Go's cache was emptied since its programs were built. */
export async function findKueue(): Promise<KueueModule> {
  const cwd = join(modulesFolder, "kueue");
  const args = ["mod", "download", "-json", "sigs.k8s.io/kueue"];
  const { stdout } = await run("go", args, { cwd, env: { ...process.env, GOWORK: "off" } });
  const { Version, Dir } = JSON.parse(stdout) as { readonly Version: string; readonly Dir: string };
  return { folder: Dir, version: Version.replace(/^v/, "") };
}

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const POLL_MS = 100;

interface Definition {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Makes Kueue's kinds of objects known, and waits until they are. */
export async function makeKueueDefinitions(kubeconfig: string, { folder }: KueueModule): Promise<void> {
  const api = await apiClient(kubeconfig);
  const bases = join(folder, "config/components/crd/bases");
  const files = (await readdir(bases)).filter((name) => name.endsWith(".yaml"));
  for (const file of files) {
    const body = parse(await readFile(join(bases, file), "utf8")) as {
      readonly metadata: { readonly name: string };
    };
    await api.call("POST", DEFINITIONS, body);
    const isKnown = async () => {
      const { status } = (await api.call("GET", `${DEFINITIONS}/${body.metadata.name}`)) as Definition;
      return status?.conditions?.some((one) => one.type === "Established" && one.status === "True") ?? false;
    };
    while (!(await isKnown())) await sleep(POLL_MS);
  }
}
