import { parseArgs } from "node:util";
import { exploreAll } from "./model/report.ts";
import { reportSimulations } from "./simulation/report.ts";

const HELP = `npm run test:proof -- model [--large] [--record]
npm run test:proof -- simulate [--hours <n>] [--seed <text>,...] [--record]

  model      explores a job's way through gateway, scheduler and scorer in every order of events and faults
    --large    the large sizes as well: minutes and gigabytes
  simulate   lets jobs, pods, events and a chain run at random on a virtual clock, with faults
    --hours    simulated ones, for each seed   [24]
    --seed     the same course again   [chosen]
  --record   writes the figures to docs/reliability.md

Random histories against the scheduler's real tables, more of them or one seed again:
  PROOF_RUNS=500 PROOF_SEED=1 npm test -- tools/proof/src/store
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    large: { type: "boolean", default: false },
    hours: { type: "string", default: "24" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    record: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else process.exitCode = await run(positionals[0]);

async function run(what: string | undefined): Promise<number> {
  const { large: isLarge, record: isRecorded } = values;
  const hours = Number(values.hours);
  if (what === "model") return (await exploreAll({ isLarge, isRecorded })) ? 0 : 1;
  if (what === "simulate" && hours > 0)
    return (await reportSimulations({ seeds: values.seed.split(","), hours, isRecorded })) ? 0 : 1;
  process.stderr.write(HELP);
  return 64;
}
