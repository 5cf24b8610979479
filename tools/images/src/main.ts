import { runCommand, SetupProblem } from "../../setup/problem.mjs";
import { folders } from "./folders.ts";
import { type BuiltImage, buildImage, developmentServerNames, type ImageName, imageNames } from "./images.ts";
import { layOutServices } from "./services-image.ts";
import { tryImage } from "./try-image.ts";

const allNames = [...imageNames, ...developmentServerNames];

const help = `npm run images -- COMMAND

  build [NAME...] [--gpu]  builds ${imageNames.join(", ")} into ${folders.archives}, without Docker (needs a Debian with apt);
                           for processors alone, or with --gpu for both as NAME-cuda; ${developmentServerNames.join(", ")} by name
  try [NAME...] [--gpu]    starts their programs in a read-only root, as the user of the image (needs root)
  lay-out FOLDER           the services' files alone, for deploy/images/services/Dockerfile
`;

async function main(args: readonly string[]): Promise<number> {
  const [command, ...names] = args.filter((argument) => argument !== "--gpu");
  const device = args.includes("--gpu") ? "gpu" : "cpu";
  if (command === "lay-out" && names[0] !== undefined) {
    await layOutServices(names[0]);
    return 0;
  }
  const chosen = names.length === 0 ? imageNames : names.map(readName);
  if (command === "build") for (const name of chosen) print(await buildImage(name, device));
  else if (command === "try") for (const name of chosen) await tryImage(name, device);
  else process.stderr.write(help);
  return command === "build" || command === "try" || command === "--help" ? 0 : 64;
}

function print({ repository, digest, layers, path, size }: BuiltImage): void {
  console.log(`${repository}@${digest}`);
  for (const layer of layers) console.log(`  ${megabytes(layer.size)}  ${layer.title}`);
  console.log(`  ${megabytes(size)}  ${path}`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1).padStart(8)} MB`;
}

function readName(name: string): ImageName {
  const known = allNames.find((candidate) => candidate === name);
  if (known) return known;
  throw new SetupProblem(`${name} is none of the images: ${allNames.join(", ")}.`);
}

await runCommand(main);
