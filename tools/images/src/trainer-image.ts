import { cpSync } from "node:fs";
import { basename, join } from "node:path";
import { paths, repositoryRoot } from "../../setup/paths.mjs";
import { type Content, searchPath, system, temporary } from "./content.ts";
import { debianBase } from "./debian.ts";
import { folders } from "./folders.ts";
import { type Layer, packLayer } from "./layer.ts";
import { compile, type Device, pythonPackages } from "./python-packages.ts";

const runtime = {
  user: "10002:10000",
  workDir: "/tmp",
  env: {
    PATH: searchPath,
    HOME: "/tmp",
    LANG: "C.UTF-8",
    PYTHONUNBUFFERED: "1",
    PYTHONDONTWRITEBYTECODE: "1",
  },
} as const;

const pythonBase = () => debianBase("trainer", [...system, "python3", "libgomp1"]);

/** Python and the engine, for GPUs and processors; with "cpu" without what only GPUs use. */
export async function trainerContent(device: Device): Promise<Content> {
  const base = await pythonBase();
  const python = await pythonPackages(base, device);
  const engine = await engineLayer(base.root, python.at);
  return {
    layers: [base.layer, await temporary(), python.layer, engine],
    components: [...base.components, ...python.components],
    config: {
      ...runtime,
      env: {
        ...runtime.env,
        HF_HUB_OFFLINE: "1",
        TRANSFORMERS_OFFLINE: "1",
        NVIDIA_VISIBLE_DEVICES: "void",
        NVIDIA_DRIVER_CAPABILITIES: "compute,utility",
      },
      entrypoint: ["python", "-m", "gradients_engine"],
    },
  };
}

/** The template of docs/contestants.md: the trainer's image with another program. */
export async function contestantContent(device: Device): Promise<Content> {
  const trainer = await trainerContent(device);
  const root = join(repositoryRoot, "deploy/images/contestant-template");
  const at = "opt/contestant";
  const program = await packLayer({ title: "contestant", root, names: ["./trainer.py"], at });
  const config = { ...trainer.config, entrypoint: ["python", `/${at}/trainer.py`] };
  return { ...trainer, layers: [...trainer.layers, program], config };
}

/** Harm in a contestant's place, for the proof of the sandbox: Python alone, so that it is small. */
export async function attackerContent(): Promise<Content> {
  const { layer, components } = await pythonBase();
  const at = "opt/attacker";
  const program = await packLayer({
    title: "attacker",
    root: join(repositoryRoot, "tools/images/attacker"),
    at,
  });
  const config = { ...runtime, entrypoint: ["python", `/${at}/attacker.py`] };
  return { layers: [layer, await temporary(), program], components, config };
}

/** From a copy: compiled files that never look at their source again are not for the folder in which one works. */
async function engineLayer(base: string, at: string): Promise<Layer> {
  const root = join(folders.work, "engine");
  const name = "gradients_engine";
  const filter = (path: string) => basename(path) !== "__pycache__";
  cpSync(join(paths.engine, name), join(root, name), { recursive: true, filter });
  await compile(base, join(root, name), `/${at}/${name}`);
  return packLayer({ title: "engine", root, names: [`./${name}`], at });
}
