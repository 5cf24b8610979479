/** An expected failure of set-up: its message is one sentence that says what to do. */
export class SetupProblem extends Error {
  constructor(sentence, options) {
    super(sentence, options);
    this.name = "SetupProblem";
  }
}

/** For a program's last lines: `main` gets its arguments and returns its exit code; an expected failure is told in its one sentence. */
export async function runCommand(main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

const causes = [
  [
    /ENOSPC|no space left on device|disk quota exceeded/i,
    (what) =>
      `${what} failed because the disk is full: free some space, or set GRADIENTS_CACHE to a folder on another disk`,
  ],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|dns error|failed to lookup|error sending request|tcp connect|name resolution|NewConnectionError|network is unreachable|timed out/i,
    (what) =>
      `${what} failed because the package registry could not be reached: connect to the network or set HTTPS_PROXY`,
  ],
  [
    /\bE?(401|403|407|451)\b|certificate|CERT_|UNABLE_TO_(GET|VERIFY)/i,
    (what, line) =>
      `${what} failed because the package registry refused the download (${line}): check the proxy, the certificates and the registry settings`,
  ],
  [
    /\bE?404\b|no matching distribution|no matching version|ETARGET/i,
    (what, line) =>
      `${what} failed because the package registry does not offer it (${line}): check the registry settings`,
  ],
  [
    /EACCES|EPERM|permission denied|read-only file system/i,
    (what, line) =>
      `${what} failed because a file may not be written (${line}): check the owner of that folder`,
  ],
];

/** One sentence for a failed tool, from what it printed. `log` holds all of it. */
export function explainFailure(what, output, log) {
  const errors = output.filter((line) => /error/i.test(line));
  const telling = errors.length > 0 ? errors : output;
  for (const [pattern, sentence] of causes) {
    const line = telling.find((text) => pattern.test(text));
    if (line !== undefined)
      return new SetupProblem(
        `${sentence(what, shorten(line))}, then run the same command again (details in ${log}).`,
      );
  }
  const last = telling.at(-1) ?? "no output";
  return new SetupProblem(`${what} failed (${shorten(last)}): see ${log}, then run the same command again.`);
}

function shorten(line) {
  const text = line
    .trim()
    .replace(/\s+/g, " ")
    .replace(/[.:]+$/, "");
  return text.length > 160 ? `${text.slice(0, 160)}...` : text;
}
