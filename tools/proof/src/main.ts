import { parseArgs } from "node:util";
import { exploreAll } from "./model/report.ts";

const HELP = `npm run test:proof -- model [--large]

  model     explores a job's way through gateway, scheduler and scorer in every order of events and faults
    --large   the large sizes as well: minutes and gigabytes

Random histories against the scheduler's real tables, more of them or one seed again:
  PROOF_RUNS=500 PROOF_SEED=1 npm test -- tools/proof/src/store
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { large: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
});

if (values.help) process.stdout.write(HELP);
else if (positionals[0] === "model") process.exitCode = exploreAll({ isLarge: values.large }) ? 0 : 1;
else {
  process.stderr.write(HELP);
  process.exitCode = 64;
}
