import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { binaryPath, clusterKubeconfig } from "@gradients/cluster";
import { kubectlLines } from "@gradients/cluster/testing";
import { TRAINERS_NAMESPACE } from "./namespaces.ts";

/** What the engines of all attempts print from now on, pods that are gone included. */
export interface EngineLogs extends AsyncDisposable {
  readonly lines: readonly string[];
  /** Adds what we have seen from outside, in the attacker's way of telling. */
  note(tried: string, happened: string): void;
}

const POLL_MS = 300;

export function followEngines(): EngineLogs {
  const lines: string[] = [];
  const stopping = new AbortController();
  const following = follow(lines, stopping.signal);
  return {
    lines,
    note: (tried, happened) => void lines.push(JSON.stringify({ tried, gotThrough: false, happened })),
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await following;
    },
  };
}

async function follow(lines: string[], signal: AbortSignal): Promise<void> {
  const known = new Set<string>();
  const ends: Promise<void>[] = [];
  while (!signal.aborted) {
    for (const pod of await podsWithEngine()) {
      if (known.has(pod)) continue;
      known.add(pod);
      // Its engine may be about to start.
      ends.push(readLog(pod, lines, signal).then((isWhole) => void (isWhole || known.delete(pod))));
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
  await Promise.all(ends);
}

/** Those whose engine runs or has run: before that there is no log to follow. */
async function podsWithEngine(): Promise<readonly string[]> {
  const started = '{range .items[?(@.status.phase!="Pending")]}{.metadata.name}{"\\n"}{end}';
  const pods = ["get", "pods", "--namespace", TRAINERS_NAMESPACE, "--output", `jsonpath=${started}`];
  return kubectlLines(...pods).catch(() => []);
}

async function readLog(pod: string, lines: string[], signal: AbortSignal): Promise<boolean> {
  const args = ["logs", "--follow", "--container=engine", "--namespace", TRAINERS_NAMESPACE, pod];
  const command = ["--kubeconfig", clusterKubeconfig, ...args];
  const child = spawn(binaryPath("kubectl"), command, { stdio: ["ignore", "pipe", "ignore"], signal });
  child.on("error", () => {}); // ended by us
  let rest = "";
  for await (const chunk of child.stdout) {
    const parts = `${rest}${String(chunk)}`.split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  }
  return child.exitCode === 0;
}
