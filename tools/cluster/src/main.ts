import { parseArgs } from "node:util";
import { runCommand, SetupProblem } from "../../setup/problem.mjs";
import { buildBinaries } from "./binaries/build.ts";
import { binaryNames, isBinaryName, kubernetesVersion } from "./binaries/catalogue.ts";
import { clusterKubeconfig, down, loadArchives, stopServer, up } from "./cluster/cluster.ts";
import { printStatus } from "./cluster/status.ts";

const help = `npm run cluster -- COMMAND

  up                   starts Kubernetes ${kubernetesVersion} with one real node on this machine (Linux, root, Go), or what of it does not run
    --simulated        control plane and fake GPU nodes instead (no root): pods only pretend to run
    --nodes N          how many fake nodes (100)
  status               says what runs
  stop SERVER          ends one of its servers, as a fault; \`up\` starts it again
  down                 ends it and removes all that it made
  load ARCHIVE...      brings images into the real node: archives as made by docker save or buildah
  build [NAME...]      builds programs only: ${binaryNames.join(", ")}

kubeconfig: ${clusterKubeconfig}
`;

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      simulated: { type: "boolean", default: false },
      nodes: { type: "string", default: "100" },
      help: { type: "boolean", default: false },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help) return say(help);
  switch (command) {
    case "up":
      await up(
        values.simulated ? { profile: "simulated", nodes: readCount(values.nodes) } : { profile: "node" },
      );
      return say(`The cluster is up: export KUBECONFIG=${clusterKubeconfig}\n`);
    case "status":
      return printStatus();
    case "down":
      await down();
      return say("The cluster is down.\n");
    case "stop":
      for (const server of rest) await stopServer(server);
      return 0;
    case "load":
      await loadArchives(rest);
      return 0;
    case "build":
      await buildBinaries(rest.length === 0 ? binaryNames : rest.map(readBinaryName));
      return 0;
    default:
      process.stderr.write(help);
      return 64;
  }
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function readCount(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new SetupProblem(`--nodes takes a number from 1 to 99999, not "${text}".`);
}

function readBinaryName(name: string) {
  if (isBinaryName(name)) return name;
  throw new SetupProblem(`${name} is none of the programs: ${binaryNames.join(", ")}.`);
}

await runCommand(main);
