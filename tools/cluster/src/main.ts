import { SetupProblem } from "../../setup/problem.mjs";
import { buildBinaries } from "./binaries/build.ts";
import { binaryNames, isBinaryName, kubernetesVersion } from "./binaries/catalogue.ts";

const help = `npm run cluster -- COMMAND

  build [NAME...]      builds programs of Kubernetes ${kubernetesVersion} and its tools (needs Go): ${binaryNames.join(", ")}
`;

async function main([command, ...names]: readonly string[]): Promise<number> {
  if (command === "build") {
    await buildBinaries(names.length === 0 ? binaryNames : names.map(readBinaryName));
    return 0;
  }
  process.stderr.write(help);
  return command === "--help" ? 0 : 64;
}

function readBinaryName(name: string) {
  if (isBinaryName(name)) return name;
  throw new SetupProblem(`${name} is none of the programs: ${binaryNames.join(", ")}.`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupProblem)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
