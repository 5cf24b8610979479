// `npm run verify`: needs the npm packages alone, none of the servers, models and Python that the rest of set-up makes.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./launch.mjs";
import { paths } from "./paths.mjs";

if (existsSync(join(paths.dependencies, "zod"))) {
  const program = join(paths.repositoryRoot, "services/scorer/src/verify.ts");
  process.exitCode = await launch(program, process.argv.slice(2));
} else {
  process.stderr.write("The npm packages are missing: run npm ci, then the same command again.\n");
  process.exitCode = 2;
}
