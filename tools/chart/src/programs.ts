import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { paths } from "../../setup/paths.mjs";

/** Path of a program that `npm run test:chart` builds into the cache, or of the machine's own. */
export function findProgram(name: "helm" | "kubeconform"): string | undefined {
  const folders = [join(paths.cache, "cluster/bin"), ...(process.env["PATH"] ?? "").split(delimiter)];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
