import { readFileSync } from "node:fs";
import { checkHistory } from "./check-history.ts";

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("node tools/history/src/main.ts <history.ndjson>\n");
  process.exitCode = 64;
} else {
  const { entries, accepted, unknown, ended, problems } = checkHistory(readFileSync(file, "utf8"));
  process.stdout.write(
    `${entries} entries, ${accepted} accepted jobs, ${unknown} unknown creations, ${ended} ended\n`,
  );
  for (const { property, key, text } of problems) process.stdout.write(`${property}: ${key}: ${text}\n`);
  process.stdout.write(`${problems.length} problems\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
