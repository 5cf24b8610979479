import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A measured program in a process of its own. It cannot outlive this process. */
export interface Child extends AsyncDisposable {
  /** Has the program do something and waits for what it answers. */
  ask<T = void>(verb: string, ...args: readonly unknown[]): Promise<T>;
}

export interface ChildOptions {
  readonly args?: readonly string[];
  /** Beside this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Writes a CPU profile there at its end. */
  readonly profileDir?: string | undefined;
}

export async function startChild(
  program: URL,
  { args = [], env = {}, profileDir }: ChildOptions = {},
): Promise<Child> {
  const profiling = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  const child = fork(fileURLToPath(program), [...args], {
    env: { ...process.env, ...env },
    execArgv: profiling,
    serialization: "advanced",
  });
  const ended = once(child, "exit");
  await once(child, "message");
  let last = 0;
  return {
    ask: (verb, ...rest) => {
      last += 1;
      return answerOf(child, { id: last, verb, args: rest });
    },
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** In the program: answers what its parent asks, and ends with it. */
export function serve(verbs: Readonly<Record<string, Verb>>): void {
  process.on("disconnect", () => process.exit());
  process.on("message", (request: Request) => void answer(verbs, request));
  process.send?.("ready");
}

export async function secondsOfCpu(): Promise<number> {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function answer(verbs: Readonly<Record<string, Verb>>, { id, verb, args }: Request): Promise<void> {
  try {
    const run = verbs[verb];
    if (!run) throw new Error(`There is no verb ${verb}`);
    process.send?.({ id, value: await run(...(args as never[])) } satisfies Answer);
  } catch (error) {
    process.send?.({
      id,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    } satisfies Answer);
  }
}

function answerOf<T>(child: ChildProcess, request: Request): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onExit = () => reject(new Error(`The program ended while it was asked to ${request.verb}`));
  const onMessage = (message: Answer) => {
    if (message.id !== request.id) return;
    child.off("message", onMessage);
    child.off("exit", onExit);
    if (message.error === undefined) resolve(message.value as T);
    else reject(new Error(message.error));
  };
  child.on("message", onMessage);
  child.once("exit", onExit);
  child.send(request);
  return promise;
}

type Verb = (...args: never[]) => Promise<unknown>;

interface Request {
  readonly id: number;
  readonly verb: string;
  readonly args: readonly unknown[];
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}
