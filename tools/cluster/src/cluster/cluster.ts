import { mkdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { takeLock } from "../../../setup/lock.mjs";
import { SetupProblem } from "../../../setup/problem.mjs";
import { buildBinaries } from "../binaries/build.ts";
import { compactEtcd } from "../control-plane/etcd-client.ts";
import { etcdSocket } from "../control-plane/servers.ts";
import { daemonsIn, thisMachine } from "../daemons/daemons.ts";
import { runFolder as dir, runLock } from "../layout.ts";
import { ctrIn, loadImages } from "../node/image-store.ts";
import { closeNode, findNode } from "../node/namespaces.ts";
import { installPackages } from "../node/packages.ts";
import { clusterProblem, neededBinaries } from "./needs.ts";
import { type Profile, readProfile, writeProfile } from "./profile.ts";
import { printedSteps } from "./steps.ts";
import { upNode } from "./up-node.ts";
import { upSimulated } from "./up-simulated.ts";

/** Admin's kubeconfig of the cluster that `up` starts. */
export const clusterKubeconfig = join(dir, "kubeconfig");

export type UpOptions =
  | { readonly profile: "node" }
  | { readonly profile: "simulated"; readonly nodes: number };

/** Starts the cluster, or the parts of it that do not run. Resolves when pods can be run. */
export async function up(options: UpOptions): Promise<void> {
  const { profile } = options;
  const problem = clusterProblem(profile);
  if (problem !== undefined) throw new SetupProblem(problem);
  if (profile === "node") await installPackages();
  await buildBinaries(neededBinaries(profile));
  await locked(async () => {
    if (!(await isUp(profile))) await clear();
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeProfile(dir, profile);
    if (options.profile === "node") await upNode(dir, printedSteps());
    else await upSimulated(dir, options.nodes, printedSteps());
  });
}

/** Ends the cluster, however far `up` came, and removes all that it made. Nothing of anybody else is touched. */
export async function down(): Promise<void> {
  await locked(clear);
}

/** Ends one server as a fault; `up` starts it again on the same data. */
export async function stopServer(name: string): Promise<void> {
  const profile = await readProfile(dir);
  const place = profile === "node" ? await findNode(dir) : thisMachine;
  const daemons = place === undefined ? undefined : daemonsIn(dir, place);
  if (daemons === undefined || !(await daemons.isRunning(name)))
    throw new SetupProblem(`${name} does not run: see \`npm run cluster -- status\`.`);
  await daemons.stop(name);
}

/** Drops etcd's history: who watches from before and has to ask anew gets 410 Gone, once the API server has lost its own as well. */
export async function compactHistory(): Promise<void> {
  await compactEtcd(etcdSocket(dir));
}

/** Brings images into the node: archives as made by `docker save` or buildah. */
export async function loadArchives(archives: readonly string[]): Promise<void> {
  const place = await findNode(dir);
  if (place === undefined)
    throw new SetupProblem("No cluster with a node is up: start one by `npm run cluster -- up`.");
  await loadImages(
    ctrIn(dir, place),
    archives.map((archive) => resolve(archive)),
  );
}

/** A cluster of the other profile is somebody's: it is not ended in passing. What is left of a broken one is. */
async function isUp(wanted: Profile): Promise<boolean> {
  const profile = await readProfile(dir);
  if (profile === undefined || !(await runs(profile))) return false;
  if (profile === wanted) return true;
  throw new SetupProblem(
    `A cluster of the other profile (${profile}) is up: end it first by \`npm run cluster -- down\`.`,
  );
}

async function runs(profile: Profile): Promise<boolean> {
  if (profile === "node") return (await findNode(dir)) !== undefined;
  return daemonsIn(dir, thisMachine).isRunning("etcd");
}

async function clear(): Promise<void> {
  const profile = await readProfile(dir);
  if (profile === "node") await closeNode(dir);
  if (profile === "simulated") {
    const daemons = daemonsIn(dir, thisMachine);
    await Promise.all((await daemons.known()).map((name) => daemons.stop(name)));
  }
  await rm(dir, { recursive: true, force: true });
}

async function locked(work: () => Promise<void>): Promise<void> {
  await mkdir(dirname(runLock), { recursive: true });
  const lock = await takeLock(runLock, ({ pid }) =>
    process.stderr.write(`Another command (process ${pid}) is at work on the cluster: waiting for it.\n`),
  );
  try {
    await work();
  } finally {
    lock.release();
  }
}
