import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { parseEvidence } from "./app/evidence-schema.ts";
import { verifyEvidence } from "./domain/verify-evidence.ts";

const usage = `node src/verify.ts evidence.json [--heldout heldout.jsonl] [--sha256 <hash of the bundle, from the verdict>]

Computes a verdict again from its evidence bundle. With the held-out rows the commitment is checked as well.
Exit code 0 when everything holds, 1 when something does not, 2 when the files cannot be read.
`;

try {
  process.exitCode = await verify(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}

async function verify(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { heldout: { type: "string" }, sha256: { type: "string" } },
  });
  const [path] = positionals;
  if (path === undefined) throw new Error("The path of the evidence bundle is missing.");
  const json = await readFile(path);
  const heldout = values.heldout === undefined ? undefined : await readFile(values.heldout);
  const bundle = parseEvidence(json.toString("utf8"));
  const digest = createHash("sha256").update(json).digest("hex");
  const checks = [
    ...(values.sha256 === undefined
      ? []
      : [{ name: "the bundle has the hash of the verdict event", passed: digest === values.sha256 }]),
    ...verifyEvidence(bundle, heldout),
  ];
  for (const { name, passed } of checks) console.log(`${passed ? "holds" : "FAILS"}  ${name}`);
  if (!heldout) console.log("not checked  the commitment to the held-out rows: give them with --heldout");
  console.log(`winner ${bundle.verdict.winnerAttemptId}, bundle sha256 ${digest}`);
  return checks.every(({ passed }) => passed) ? 0 : 1;
}
