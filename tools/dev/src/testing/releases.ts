import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { type BuiltImage, extendImage } from "@gradients/images";
import { paths, repositoryRoot } from "../../../setup/paths.mjs";

/** What a platform team installs: a chart, and the image of the services that it was released with. */
export interface Release {
  readonly chart: string;
  readonly services: { readonly path: string; readonly digest: string };
}

export const chartFolder = join(repositoryRoot, "deploy/helm/gradients");

const execute = promisify(execFile);
const releases = join(paths.cache, "releases");

/** Why the release of an earlier commit cannot be built here; undefined if it can. */
export async function earlierReleaseProblem(commit: string): Promise<string | undefined> {
  const asked = execute("git", ["cat-file", "-e", `${commit}^{commit}`], { cwd: repositoryRoot });
  return asked.then(
    () => undefined,
    () => `git's history here lacks ${commit}: fetch all of it`,
  );
}

/** Chart and image as an earlier commit's own tools make them, of its own packages. Built once. */
export async function earlierRelease(commit: string): Promise<Release> {
  const folder = join(releases, commit);
  if (!existsSync(folder)) await build(commit, folder);
  const reference = await readFile(join(folder, "services.digest"), "utf8");
  const digest = reference.trim().split("@")[1] ?? "";
  const services = { path: join(folder, "services.tar"), digest };
  return { chart: join(folder, "deploy/helm/gradients"), services };
}

async function build(commit: string, folder: string): Promise<void> {
  await rm(releases, { recursive: true, force: true });
  await mkdir(releases, { recursive: true });
  const work = await mkdtemp(join(releases, ".work-"));
  const [tree, cache, made] = [join(work, "tree"), join(work, "cache"), join(work, "made")];
  for (const path of [tree, made]) await mkdir(path);
  const env = { ...environment(), GRADIENTS_CACHE: cache };
  const run = (program: string, ...args: string[]) =>
    execute(program, args, { cwd: tree, env, maxBuffer: 2 ** 26 });
  const archive = join(work, "tree.tar");
  await execute("git", ["archive", `--output=${archive}`, commit], { cwd: repositoryRoot });
  await run("tar", "--extract", `--file=${archive}`);
  await run("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline");
  await run("node", "tools/setup/generate.mjs");
  await run("npm", "run", "build", "--workspace=services/gateway/web");
  await run("node", "tools/images/src/main.ts", "build", "services");
  for (const name of ["services.tar", "services.digest"])
    await rename(join(cache, "images", name), join(made, name));
  await rename(join(tree, "deploy"), join(made, "deploy"));
  await rename(made, folder);
  await rm(work, { recursive: true });
}

/** Node.js as it runs this, and nothing of the npm that may have started it. */
function environment(): NodeJS.ProcessEnv {
  const path = [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|node_env$|vitest)/i.test(name));
  return { ...Object.fromEntries(own), PATH: path };
}

/** Of the migration that the next release has more, in each service. */
export const NEXT_MIGRATION = "9999-next-release";

/** A table of each service that is written to while jobs run. */
const tables = { gateway: "job", scheduler: "attempt", scorer: "task", "chain-bridge": "reward" } as const;

/** What this tree's release may be followed by: the same programs, and in each service a migration more, which adds columns to tables in use. */
export async function nextRelease(services: BuiltImage): Promise<Release> {
  const files: Record<string, string> = {};
  for (const [service, table] of Object.entries(tables)) {
    const path = `services/${service}/src/store/migrations/index.ts`;
    files[`app/${path}`] = withOneMore(await readFile(join(repositoryRoot, path), "utf8"), table);
  }
  return { chart: chartFolder, services: await extendImage(services, "next", files) };
}

function withOneMore(index: string, table: string): string {
  const released = index.replace("export const migrations:", "const released:");
  if (released === index) throw new Error("The lists of migrations are no longer written as they were");
  return `import { sql } from "kysely";
${released}
const up: Migration["up"] = async (db) => {
  for (const table of ["outbox", "${table}"])
    await sql\`alter table \${sql.table(table)} add column next_release text not null default ''\`.execute(db);
};
export const migrations: Readonly<Record<string, Migration>> = { ...released, "${NEXT_MIGRATION}": { up } };
`;
}
