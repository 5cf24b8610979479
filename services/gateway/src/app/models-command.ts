import { parseArgs } from "node:util";
import type { Command } from "@gradients/runtime";
import type { GatewayConfig } from "../config.ts";
import { registerModel } from "./register-model.ts";

const USAGE = "Expected: models add <folder> --name <display name> --license <licence> [--id <id>]";

/** `node src/main.ts models add <folder> --name "SmolLM2 135M Instruct" --license Apache-2.0` */
export const modelsCommand: Command<GatewayConfig> = {
  summary:
    "add <folder> --name <display name> --license <licence> [--id <id>]: offers a local Hugging Face model folder as a base model",
  run: async (config, args) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { name: { type: "string" }, license: { type: "string" }, id: { type: "string" } },
    });
    const [verb, folder] = positionals;
    if (verb !== "add" || folder === undefined || values.name === undefined || values.license === undefined)
      throw new Error(USAGE);
    const source = {
      folder,
      displayName: values.name,
      license: values.license,
      ...(values.id !== undefined && { id: values.id }),
    };
    const { modelId, parameterCount, isNew } = await registerModel(config, source);
    process.stdout.write(
      `models/${modelId} ${isNew ? "added" : "was there already"}, ${parameterCount} parameters\n`,
    );
  },
};
