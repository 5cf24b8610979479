import { appendFileSync, closeSync, openSync } from "node:fs";
import { armFailpoints, type Failpoint, isFailpoint } from "@gradients/kernel";
import { ConfigExit, type ConfigSource } from "./load-config.ts";

const EX_CONFIG = 78;

/**
 * Makes this process die at a boundary, or tell which ones it passes, for the tests of faults:
 *
 * - `GRADIENTS_FAILPOINT=bus.before-ack@3` kills it without warning when it passes that failpoint for the third time (`@1` if left out), and
 *   `bus.before-ack@3,db.committed` at whichever of the two comes first;
 * - `GRADIENTS_FAILPOINT_RECORD=<file>` appends a line `<pid> <failpoint>` for each one passed. With both, of all processes that share the file only the
 *   first dies at each failpoint: it makes `<file>.killed-<failpoint>`. Pods, which all get the same environment, need that, and so does a program that
 *   is started again to die at the next one.
 *
 * Throws ConfigExit for a failpoint that does not exist.
 */
export function armFromEnvironment(env: ConfigSource["env"]): void {
  const record = env["GRADIENTS_FAILPOINT_RECORD"] || undefined;
  const passesLeft = new Map((env["GRADIENTS_FAILPOINT"] || undefined)?.split(",").map(parse));
  if (!record && passesLeft.size === 0) return;
  armFailpoints((name) => {
    if (record) appendFileSync(record, `${process.pid} ${name}\n`);
    const left = (passesLeft.get(name) ?? 0) - 1;
    passesLeft.set(name, left);
    if (left !== 0) return;
    if (!record || isFirst(`${record}.killed-${name}`)) die();
  });
}

function die(): never {
  process.kill(process.pid, "SIGKILL");
  process.abort(); // the first process of a container takes no signal of its own
}

function parse(text: string): readonly [Failpoint, number] {
  const [, name = "", hit = "1"] = /^([a-z.-]+)(?:@([1-9]\d*))?$/.exec(text) ?? [];
  if (isFailpoint(name)) return [name, Number(hit)];
  throw new ConfigExit(
    `GRADIENTS_FAILPOINT: expected <failpoint> or <failpoint>@<n>, several with commas between, found "${text}"\n`,
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
