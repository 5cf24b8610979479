import { runDemo } from "./demo.ts";
import { parseOptions } from "./options.ts";

const options = parseOptions(process.argv.slice(2));
if ("text" in options) {
  (options.exitCode === 0 ? process.stdout : process.stderr).write(options.text);
  process.exitCode = options.exitCode;
} else {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => stop.abort(new Error(`received ${signal}`)));
  process.exitCode = await runDemo(options, stop.signal);
}
