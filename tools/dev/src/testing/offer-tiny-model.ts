import { mkdir, writeFile } from "node:fs/promises";
import { loadConfig, registerModel } from "@gradients/gateway";
import { tinyModel } from "@gradients/testkit";
import type { Environment } from "../service-environments.ts";

/** Writes the tiny model into a folder and has a gateway offer it under the id. */
export async function offerTinyModel(gateway: Environment, folder: string, id: string): Promise<void> {
  await mkdir(folder);
  for (const [name, content] of tinyModel()) await writeFile(`${folder}/${name}`, content);
  const model = { folder, id, displayName: "Tiny", license: "CC0-1.0" };
  await registerModel(loadConfig({ env: gateway, argv: [] }), model);
}
