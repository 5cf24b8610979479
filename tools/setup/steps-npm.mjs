// npm packages, and what is generated or built from the repository with them.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hashOf, hasStamp, replaceWhole, writeStamp } from "./files.mjs";
import { nodeProgram, programEnvironment } from "./launch.mjs";
import { paths, platform } from "./paths.mjs";
import { SetupProblem } from "./problem.mjs";
import { machineEnvironment, runTool } from "./tools.mjs";

const at = (...parts) => join(paths.repositoryRoot, ...parts);
const web = "services/gateway/web";

export const npmPackages = {
  title: "npm packages",
  bytes: 1.7e9,
  seconds: 90,
  disk: paths.repositoryRoot,
  isCurrent: () => missingPackages().length === 0,
  async make({ lock, update }) {
    const wanted = wantedPackages();
    const count = () =>
      update({ done: wanted.filter(isUnpacked).length, total: wanted.length, unit: "packages" });
    const timer = setInterval(count, 1000);
    const flags = [
      "--ignore-scripts",
      "--include=dev",
      "--include=optional",
      "--include=peer",
      "--no-audit",
      "--no-fund",
      "--prefer-offline",
      "--loglevel=http",
      "--fetch-retry-mintimeout=2000",
      "--fetch-retry-maxtimeout=15000",
    ];
    try {
      await runTool({
        what: "Installing the npm packages",
        command: "npm",
        args: ["ci", ...flags],
        cwd: paths.repositoryRoot,
        env: machineEnvironment(),
        lock,
        onLine: failEarly(),
      });
    } finally {
      clearInterval(timer);
    }
    demandOptionalPackages();
  },
};

/** Without a network npm tries every package three times, which takes minutes: the first one that fails for good decides, unless others came. */
function failEarly() {
  let fetched = 0;
  return (line) => {
    if (line.startsWith("npm http fetch GET 200")) fetched += 1;
    if (fetched === 0 && line.includes("attempt 3 failed")) throw new Error(line);
  };
}

/** npm skips an optional package silently when it cannot be fetched; these two are needed here. */
function demandOptionalPackages() {
  if (!existsSync(paths.postgresPackage))
    throw new SetupProblem(
      `npm has no PostgreSQL for ${platform}: use Linux (x64, arm64) or macOS, or run the same command again if the network failed.`,
    );
  if (process.platform === "linux" && !existsSync(join(paths.dependencies, ".bin/node")))
    throw new SetupProblem(`npm did not deliver Node 24 for ${platform}: run the same command again.`);
}

function wantedPackages() {
  const { packages } = JSON.parse(readFileSync(at("package-lock.json"), "utf8"));
  return Object.entries(packages).filter(
    ([place, entry]) => place.includes("node_modules/") && !entry.link && isForThisMachine(entry),
  );
}

/** What an optional dependency's own dependencies need is not recorded: npm leaves them out with it. */
function isForThisMachine({ os, cpu, libc, optional }) {
  if (libc !== undefined) return false;
  return (
    allows(os, process.platform) &&
    allows(cpu, process.arch) &&
    !(optional && os === undefined && cpu === undefined)
  );
}

/** npm writes one name or a list; "!name" forbids. */
function allows(names, value) {
  const list = [names ?? []].flat();
  const allowed = list.filter((name) => !name.startsWith("!"));
  return !list.includes(`!${value}`) && (allowed.length === 0 || allowed.includes(value));
}

/** npm's own record of what lies in node_modules is written last, so it also shows an install that was cut off. */
function missingPackages(wanted = wantedPackages()) {
  const installed = readInstalled();
  return wanted.filter((entry) => installed[entry[0]]?.version !== entry[1].version || !isUnpacked(entry));
}

function isUnpacked([place]) {
  return existsSync(at(place, "package.json"));
}

function readInstalled() {
  try {
    return JSON.parse(readFileSync(join(paths.dependencies, ".package-lock.json"), "utf8")).packages;
  } catch {
    return {};
  }
}

function lockedVersions(names) {
  const installed = readInstalled();
  return names.map((name) => `${name}@${installed[`node_modules/${name}`]?.version}`);
}

const stampOf = (name) => join(paths.dependencies, ".cache", `gradients-${name}.made-from`);

export const generatedContracts = {
  title: "generated contracts",
  bytes: 5e6,
  seconds: 10,
  disk: paths.repositoryRoot,
  isCurrent: () =>
    existsSync(at("packages/contracts/src/gen/descriptors.binpb")) &&
    hasStamp(stampOf("generate"), contractsMadeFrom()),
  async make({ lock }) {
    const madeFrom = contractsMadeFrom();
    await runTool({
      what: "Generating code from proto",
      command: nodeProgram(),
      args: [at("tools/setup/generate.mjs")],
      cwd: paths.repositoryRoot,
      env: programEnvironment(),
      lock,
    });
    writeStamp(stampOf("generate"), madeFrom);
  },
};

function contractsMadeFrom() {
  const scripts = ["generate", "events-document", "print-proto", "sync-folder", "third-party-protos"].map(
    (name) => at(`tools/setup/${name}.mjs`),
  );
  return hashOf({
    files: [at("proto"), at("buf.yaml"), at("buf.gen.yaml"), ...scripts],
    values: lockedVersions(["@bufbuild/buf", "@bufbuild/protoc-gen-es", "google-proto-files"]),
  });
}

export const webPage = {
  title: "web page",
  bytes: 10e6,
  seconds: 15,
  disk: paths.repositoryRoot,
  isCurrent: () =>
    !existsSync(at(web, "index.html")) ||
    (existsSync(join(paths.webDist, "index.html")) && hasStamp(stampOf("web"), webMadeFrom())),
  async make({ lock }) {
    const madeFrom = webMadeFrom();
    await replaceWhole(paths.webDist, (folder) =>
      runTool({
        what: "Building the web page",
        command: "npm",
        args: ["run", "build", "-w", web, "--", "--outDir", folder, "--emptyOutDir"],
        cwd: paths.repositoryRoot,
        env: programEnvironment(),
        lock,
      }),
    );
    writeStamp(stampOf("web"), madeFrom);
  },
};

function webMadeFrom() {
  return hashOf({
    files: [at(web)],
    values: [
      contractsMadeFrom(),
      ...lockedVersions([
        "vite",
        "react",
        "@tailwindcss/vite",
        "uplot",
        "@tanstack/react-query",
        "@tanstack/react-router",
      ]),
    ],
  });
}
