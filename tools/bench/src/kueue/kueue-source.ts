import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { KubeClient } from "@gradients/kube";
import { parse } from "yaml";
import { type Conditions, hasCondition } from "./count-objects.ts";

const run = promisify(execFile);

export interface KueueSource {
  /** Folder of Kueue's module. */
  readonly folder: string;
  readonly version: string;
}

/** Where Go keeps the module that Kueue's programs are built from; fetched anew where its cache was emptied since they were built. */
export async function findKueue(): Promise<KueueSource> {
  const cwd = fileURLToPath(new URL("../../../cluster/modules/kueue/", import.meta.url));
  const args = ["mod", "download", "-json", "sigs.k8s.io/kueue"];
  const { stdout } = await run("go", args, { cwd, env: { ...process.env, GOWORK: "off" } });
  const { Version, Dir } = JSON.parse(stdout) as { readonly Version: string; readonly Dir: string };
  return { folder: Dir, version: Version.replace(/^v/, "") };
}

interface Definition {
  readonly status?: { readonly conditions?: Conditions };
}

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const POLL_MS = 100;

/** Makes Kueue's kinds of objects known, and waits until they are. */
export async function makeDefinitions({ transport }: KubeClient, { folder }: KueueSource): Promise<void> {
  const bases = join(folder, "config/components/crd/bases");
  const files = (await readdir(bases)).filter((name) => name.endsWith(".yaml"));
  for (const file of files) {
    const body = parse(await readFile(join(bases, file), "utf8")) as {
      readonly metadata: { readonly name: string };
    };
    await transport.call({ method: "POST", path: DEFINITIONS, body });
    const path = `${DEFINITIONS}/${body.metadata.name}`;
    const isKnown = async () => {
      const { status } = await transport.call<Definition>({ method: "GET", path });
      return hasCondition(status?.conditions, "Established");
    };
    while (!(await isKnown())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
