import { rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sendSignal } from "@gradients/dev/send-signal";
import { type GuardedChild, spawnGuarded } from "@gradients/testkit";

export type Environment = Readonly<Record<string, string>>;

export interface ServiceProcessOptions {
  readonly name: string;
  /** Program of the service. */
  readonly main: string;
  readonly env: Environment;
  /** Where its process number and the log of each of its starts are kept. */
  readonly folder: string;
  /** Told of each end that nobody asked for. */
  readonly onUnplannedEnd: (logTail: string) => void;
}

const STARTED = '"msg":"service started"';
const READY_MS = 90_000;
const MAX_ENDS_IN_A_ROW = 20;
const POLL_MS = 25;
/** As a kubelet does: what ends by itself is started again after a pause. */
const RESTART_PAUSE_MS = 1_000;

/** Records its own number and becomes the program, so that the number is true at any instant. */
const recordAndExec = 'echo $$ > "$1.new" && mv "$1.new" "$1" && shift && exec "$@"';

/** One service in a process of its own, started again whenever it ends unasked. It cannot outlive this process. */
export class ServiceProcess {
  readonly name: string;
  /** More variables of every start from now on, those after an unplanned end too. */
  extra: Environment = {};
  readonly #options: ServiceProcessOptions;
  readonly #pidFile: string;
  #starts = 0;
  #endsInARow = 0;
  #timesTakenDown = 0;
  #running: { readonly child: GuardedChild; readonly logFile: string } | undefined;

  constructor(options: ServiceProcessOptions) {
    this.name = options.name;
    this.#options = options;
    this.#pidFile = join(options.folder, `${options.name}.pid`);
  }

  /** Resolves when it serves. `extra` holds for this start alone, not for those that follow an unplanned end. */
  async start(extra: Environment = {}): Promise<void> {
    if (this.#running) throw new Error(`${this.name} runs already`);
    this.#spawn(extra);
    await this.untilReady();
  }

  /** Resolves when its newest start serves, be it one after an unplanned end, or when it is taken down meanwhile. */
  async untilReady(): Promise<void> {
    const deadline = Date.now() + READY_MS;
    const takenDown = this.#timesTakenDown;
    this.#endsInARow = 0;
    while (takenDown === this.#timesTakenDown && !(await this.#hasStarted())) {
      if (Date.now() > deadline || this.#endsInARow >= MAX_ENDS_IN_A_ROW)
        throw new Error(`${this.name} does not come up:\n${await this.#log()}`);
      await sleep(POLL_MS);
    }
  }

  /** Resolves when the process is gone. It stays down until it is started. */
  async kill(): Promise<void> {
    const running = this.#takeDown();
    if (!running) return;
    await this.#signalWhenThere(running.child, "SIGKILL");
    await running.child.ended;
  }

  /** SIGTERM, and waits for its orderly end. */
  async stop(): Promise<void> {
    const running = this.#takeDown();
    if (!running) return;
    await this.#signalWhenThere(running.child, "SIGTERM");
    await running.child.ended;
  }

  /** SIGSTOP holds it, SIGCONT lets it go on. */
  async signal(signal: "SIGSTOP" | "SIGCONT"): Promise<void> {
    process.kill(await this.pid(), signal);
  }

  async pid(): Promise<number> {
    const text = await readFile(this.#pidFile, "utf8");
    return Number(text);
  }

  /** Resolves at the end of the process that runs now, planned or not. */
  async whenEnded(): Promise<void> {
    await this.#running?.child.ended;
  }

  /** From here on its end is a planned one. */
  #takeDown() {
    const running = this.#running;
    this.#running = undefined;
    this.#timesTakenDown += 1;
    return running;
  }

  /** At once: a process that somebody takes down while it is being started must not run on beside its successor. */
  #spawn(extra: Environment): void {
    const { main, folder, env } = this.#options;
    this.#starts += 1;
    const logFile = join(folder, `${this.name}-${this.#starts}.log`);
    rmSync(this.#pidFile, { force: true });
    const child = spawnGuarded({
      command: "/bin/sh",
      args: ["-c", recordAndExec, this.name, this.#pidFile, process.execPath, main],
      env: { ...env, ...this.extra, ...extra },
      logFile,
      stopSignal: "KILL",
      stopTimeoutSeconds: 1,
      removeAtEnd: [],
    });
    const running = { child, logFile };
    this.#running = running;
    void child.ended.then(() => this.#startAgain(running));
  }

  async #startAgain(ended: { readonly child: GuardedChild }): Promise<void> {
    if (this.#running !== ended) return;
    this.#endsInARow += 1;
    this.#options.onUnplannedEnd(ended.child.logTail());
    await sleep(RESTART_PAUSE_MS);
    if (this.#running === ended) this.#spawn({});
  }

  async #signalWhenThere(child: GuardedChild, signal: NodeJS.Signals): Promise<void> {
    while (!child.hasEnded()) {
      const pid = await this.pid().catch(() => undefined);
      if (pid !== undefined) return sendSignal(pid, signal);
      await sleep(POLL_MS);
    }
  }

  async #hasStarted(): Promise<boolean> {
    return (
      this.#running !== undefined && !this.#running.child.hasEnded() && (await this.#log()).includes(STARTED)
    );
  }

  async #log(): Promise<string> {
    if (!this.#running) return "";
    return readFile(this.#running.logFile, "utf8").catch(() => "");
  }
}
