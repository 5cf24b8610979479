import { appendFileSync, closeSync, openSync } from "node:fs";
import { armFailpoints, type Failpoint, isFailpoint } from "@gradients/kernel";
import { ConfigExit, type ConfigSource } from "./load-config.ts";

const EX_CONFIG = 78;

/**
 * Makes this process die at a boundary, or tell which ones it passes, for the tests of faults:
 *
 * - `GRADIENTS_FAILPOINT=bus.before-ack@3` kills it without warning when it passes that failpoint for the third time (`@1` if left out);
 * - `GRADIENTS_FAILPOINT_RECORD=<file>` appends a line `<pid> <failpoint>` for each one passed. With both, only the first of all processes that share the
 *   file dies: it makes `<file>.killed`. Pods, which all get the same environment, need that.
 *
 * Throws ConfigExit for a failpoint that does not exist.
 */
export function armFromEnvironment(env: ConfigSource["env"]): void {
  const record = env["GRADIENTS_FAILPOINT_RECORD"] || undefined;
  const fatal = env["GRADIENTS_FAILPOINT"] ? parse(env["GRADIENTS_FAILPOINT"]) : undefined;
  if (!record && !fatal) return;
  let left = fatal?.hit ?? 0;
  armFailpoints((name) => {
    if (record) appendFileSync(record, `${process.pid} ${name}\n`);
    if (name !== fatal?.name || --left !== 0) return;
    if (!record || isFirst(`${record}.killed`)) process.kill(process.pid, "SIGKILL");
  });
}

function parse(text: string): { readonly name: Failpoint; readonly hit: number } {
  const [, name = "", hit = "1"] = /^([a-z.-]+)(?:@([1-9]\d*))?$/.exec(text) ?? [];
  if (isFailpoint(name)) return { name, hit: Number(hit) };
  throw new ConfigExit(
    `GRADIENTS_FAILPOINT: expected <failpoint> or <failpoint>@<n>, found "${text}"\n`,
    EX_CONFIG,
  );
}

function isFirst(path: string): boolean {
  try {
    closeSync(openSync(path, "wx"));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}
