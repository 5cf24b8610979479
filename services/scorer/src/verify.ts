import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { parseEvidence } from "./app/evidence-schema.ts";
import { type EvidenceCheck, verifyEvidence } from "./domain/verify-evidence.ts";

const usage = `npm run verify -- evidence.json [--heldout heldout.jsonl] [--commitment HASH] [--sha256 HASH]

Computes a verdict again from the per-example scores in its evidence bundle, and checks what was promised:
  --heldout     the held-out rows: with the revealed salt they must hash to the commitment
  --commitment  the commitment as it was published before the race
  --sha256      the hash of the bundle, from the verdict
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
    options: {
      heldout: { type: "string" },
      commitment: { type: "string" },
      sha256: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [path] = positionals;
  if (path === undefined) throw new Error("The path of the evidence bundle is missing.");
  const json = await readFile(fromCaller(path));
  const heldout = values.heldout === undefined ? undefined : await readFile(fromCaller(values.heldout));
  const bundle = parseEvidence(json.toString("utf8"));
  const digest = createHash("sha256").update(json).digest("hex");
  const checks = [
    ...(values.sha256 === undefined ? [] : [bundleCheck(digest, values.sha256)]),
    ...verifyEvidence(bundle, { heldout, commitment: values.commitment }),
  ];
  for (const { name, passed } of checks) console.log(`${passed ? "holds" : "FAILS"}  ${name}`);
  for (const line of unchecked(values)) console.log(`not checked  ${line}`);
  console.log(`winner ${bundle.verdict.winnerAttemptId ?? "none"}, bundle sha256 ${digest}`);
  return checks.every(({ passed }) => passed) ? 0 : 1;
}

/** npm changes into the repository's root and says where its caller stood. */
function fromCaller(path: string): string {
  return resolve(process.env["INIT_CWD"] ?? ".", path);
}

function bundleCheck(digest: string, published: string): EvidenceCheck {
  return { name: "the bundle has the hash of the verdict", passed: digest === published.toLowerCase() };
}

function unchecked({ heldout, commitment, sha256 }: Readonly<Record<string, unknown>>): readonly string[] {
  return [
    ...(heldout === undefined ? ["the held-out rows themselves: give them with --heldout"] : []),
    ...(commitment === undefined
      ? ["that this commitment was the published one: give it with --commitment"]
      : []),
    ...(sha256 === undefined ? ["that this bundle is the verdict's: give its hash with --sha256"] : []),
  ];
}
