import { parseArgs } from "node:util";
import { exploreAll } from "./model/report.ts";

const HELP = `npm run test:proof -- model [--large]

  model     explores a job's way through gateway, scheduler and scorer in every order of events and faults
    --large   the large sizes as well: minutes and gigabytes
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { large: { type: "boolean", default: false } },
});

if (positionals[0] === "model") process.exitCode = exploreAll({ isLarge: values.large }) ? 0 : 1;
else {
  process.stderr.write(HELP);
  process.exitCode = 64;
}
