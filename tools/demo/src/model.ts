import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { promisify } from "node:util";
import type { NetworkOptions } from "@gradients/dev/network";
import { paths } from "../../setup/paths.mjs";
import { DemoError } from "./demo-error.ts";

const run = promisify(execFile);
const HUB_ID = /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/;

// The normal Hugging Face cache is asked first, so a model that is there needs no network.
const fetchFromHub = `
import sys
from huggingface_hub import snapshot_download
patterns = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model"]
print(snapshot_download(sys.argv[1], allow_patterns=patterns))
`;

/** Finds the base model that --model names: a folder, or a hub id. Undefined means the one from set-up. */
export async function resolveModel(
  model: string | undefined,
  signal: AbortSignal,
): Promise<NetworkOptions["model"]> {
  if (model === undefined) return undefined;
  const folder = (await isFolder(model)) ? resolve(model) : await fromHub(model, signal);
  const displayName = HUB_ID.test(model) ? model : basename(folder);
  return { folder, id: slug(displayName), displayName, license: "see the model's own card" };
}

async function fromHub(model: string, signal: AbortSignal): Promise<string> {
  if (!HUB_ID.test(model))
    throw new DemoError(`--model: ${model} is neither a folder nor a hub id such as org/name.`);
  try {
    const { stdout } = await run(paths.pythonBin, ["-c", fetchFromHub, model], { signal });
    return stdout.trim();
  } catch (cause) {
    throw new DemoError(
      `--model: ${model} is not in the Hugging Face cache and could not be fetched from the hub. Check the name and the network, or give a local model folder.`,
      { cause },
    );
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}
