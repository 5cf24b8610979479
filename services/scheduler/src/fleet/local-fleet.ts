import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { constants, uptime } from "node:os";
import { join } from "node:path";
import { type Clock, failpoint } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";
import {
  type GpuFleet,
  type HardwareClass,
  type PodPhase,
  PodRefused,
  type PodSpec,
  type PodStatus,
} from "./gpu-fleet.ts";
import {
  groupExists,
  isRunning,
  killGroup,
  type ProcessIdentity,
  parseIdentity,
  recordIdentityAndExec,
  signalProcess,
} from "./process-identity.ts";

export interface LocalFleetConfig {
  /** Pods live in folders below it; one fleet per folder. */
  readonly dir: string;
  readonly classes: readonly HardwareClass[];
  /** Program and arguments of the agent. */
  readonly command: readonly [string, ...string[]];
  /** Python that has the training engine. */
  readonly python: string;
  /** Base models are kept here for all pods. */
  readonly cacheDir: string;
  /** From SIGTERM to SIGKILL; what its agent reckons with. */
  readonly stopGraceSeconds: number;
  /** More variables for the agent, e.g. where traces go. */
  readonly env: Readonly<Record<string, string>>;
}

interface Deps {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** How long a pod folder without a recorded process may exist before it counts as never started. */
const SPAWN_GRACE_SECONDS = 10;
const POLL_MS = 100;
/** Before the names of pods' folders that only wait to be deleted. */
const GONE = ".gone-";

/** Each pod is a process group with a folder of its own: its description, its process, its log and its scratch space. */
export class LocalFleet implements GpuFleet {
  readonly classes: readonly HardwareClass[];
  readonly #config: LocalFleetConfig;
  readonly #deps: Deps;
  readonly #exitCodes = new Map<string, number>();
  readonly #killAt = new Map<string, number>();
  readonly #overdue = new Set<string>();
  readonly #changes = new EventEmitter();

  constructor(config: LocalFleetConfig, deps: Deps) {
    this.classes = config.classes;
    this.#config = config;
    this.#deps = deps;
  }

  async open(): Promise<void> {
    await mkdir(this.#config.dir, { recursive: true });
  }

  async list(): Promise<readonly PodStatus[]> {
    await this.open();
    const names = await readdir(this.#config.dir);
    await Promise.all(names.filter((name) => name.startsWith(GONE)).map((name) => this.#clear(name)));
    const pods = await Promise.all(
      names.filter((name) => name.startsWith("attempt-")).map((name) => this.#inspect(name)),
    );
    return pods.filter((pod) => pod !== undefined);
  }

  async start(pod: PodSpec): Promise<"started" | "exists"> {
    if (pod.image !== null)
      throw new PodRefused("refused", `pods here are processes, which run no image such as ${pod.image}`);
    const folder = this.#folder(pod.name);
    const { token: _token, ...description } = pod;
    const record = JSON.stringify({ ...description, createdAtUptime: uptime() });
    if (!(await createFolder(this.#config.dir, pod.name, record))) return "exists";
    failpoint("scheduler.before-spawn");
    await this.#spawn(pod, folder);
    failpoint("scheduler.spawned");
    return "started";
  }

  async stop(name: string, graceSeconds: number): Promise<void> {
    const process = await this.#identity(name);
    if (!process) return;
    const now = this.#deps.clock.elapsedMs();
    const killAt = this.#killAt.get(name);
    if (killAt === undefined) {
      this.#killAt.set(name, now + graceSeconds * 1000);
      if (await isRunning(process)) signalProcess(process.pid, "SIGTERM");
    } else if (now >= killAt) await killGroup(process);
  }

  async remove(name: string): Promise<void> {
    const process = await this.#identity(name);
    if (process) await killGroup(process);
    await this.#setAside(name);
    failpoint("scheduler.pod-set-aside");
    await this.#clear(`${GONE}${name}`);
    this.#exitCodes.delete(name);
    this.#killAt.delete(name);
    this.#overdue.delete(name);
  }

  watch(onChange: () => void, signal: AbortSignal): void {
    this.#changes.on("change", onChange);
    signal.addEventListener("abort", () => this.#changes.off("change", onChange), { once: true });
  }

  async close({ stopPods }: { readonly stopPods: boolean }): Promise<void> {
    if (!stopPods) return;
    for (;;) {
      const pods = await this.list();
      if (pods.length === 0) return;
      for (const pod of pods) {
        if (pod.phase.kind === "ended") await this.remove(pod.name);
        else await this.stop(pod.name, this.#config.stopGraceSeconds);
      }
      await this.#deps.clock.sleep(POLL_MS);
    }
  }

  /** In one step: a folder that is half removed when this process dies would be no pod any more, and stay. */
  async #setAside(name: string): Promise<void> {
    await this.#clear(`${GONE}${name}`);
    try {
      await rename(this.#folder(name), this.#folder(`${GONE}${name}`));
    } catch (error) {
      if (!isCode(error, "ENOENT")) throw error; // removed before
    }
  }

  #clear(name: string): Promise<void> {
    return rm(this.#folder(name), { recursive: true, force: true, maxRetries: 3 });
  }

  #folder(name: string): string {
    return join(this.#config.dir, name);
  }

  /** Its own session and process group, so that a signal for the scheduler's terminal is none for the pod. */
  async #spawn(pod: PodSpec, folder: string): Promise<void> {
    const log = await open(join(folder, "agent.log"), "a");
    try {
      const args = ["-c", recordIdentityAndExec, "pod", join(folder, "pid"), ...this.#config.command];
      const child = spawn("/bin/sh", args, {
        cwd: folder,
        env: this.#environment(pod, folder),
        detached: true,
        stdio: ["ignore", log.fd, log.fd],
      });
      this.#observe(pod, child);
      child.unref();
    } finally {
      await log.close();
    }
  }

  #environment(pod: PodSpec, folder: string): Record<string, string> {
    const threads = this.classes.find(({ name }) => name === pod.hardwareClass)?.threadsPerSlot ?? 1;
    return {
      PATH: "/usr/local/bin:/usr/bin:/bin",
      LANG: "C.UTF-8",
      HOME: join(folder, "scratch"),
      TMPDIR: join(folder, "scratch/tmp"),
      ...this.#config.env,
      TRAINER_GPU_RELAY_TARGET: pod.relayTarget,
      TRAINER_GPU_ATTEMPT_TOKEN: pod.token,
      TRAINER_GPU_EPOCH: String(pod.epoch),
      TRAINER_GPU_SCRATCH_DIR: join(folder, "scratch"),
      TRAINER_GPU_CACHE_DIR: this.#config.cacheDir,
      TRAINER_GPU_PYTHON: this.#config.python,
      TRAINER_GPU_THREADS: String(threads),
      TRAINER_GPU_STOP_SECONDS: String(this.#config.stopGraceSeconds),
      ...(pod.traceparent !== null && { TRAINER_GPU_TRACEPARENT: pod.traceparent }),
    };
  }

  #observe(pod: PodSpec, child: ChildProcess): void {
    const fields = { pod: pod.name, attempt_id: pod.attemptId, epoch: pod.epoch };
    child.once("error", (err) => this.#deps.logger.error({ ...fields, err }, "could not start a pod"));
    child.once("exit", (code, signal) => {
      this.#exitCodes.set(pod.name, code ?? 128 + (signal ? constants.signals[signal] : 0));
      this.#deps.logger.info({ ...fields, exit_code: code, signal }, "pod ended");
      this.#changes.emit("change");
    });
  }

  /** Undefined when the folder is being removed right now. */
  async #inspect(name: string): Promise<PodStatus | undefined> {
    const text = await readIfThere(join(this.#folder(name), "pod.json"));
    if (text === undefined) return undefined;
    const { attemptId, epoch, hardwareClass, ...record } = JSON.parse(text) as PodRecord; // written by start()
    const ageSeconds = uptime() - record.createdAtUptime; // below zero: the machine has been started anew, and the pod's process is gone
    const phase = await this.#phase(name, ageSeconds, ageSeconds > record.maxSeconds);
    return { name, attemptId, epoch, hardwareClass, phase };
  }

  async #phase(name: string, ageSeconds: number, isOverdue: boolean): Promise<PodPhase> {
    const process = await this.#identity(name);
    const exitCode = this.#exitCodes.get(name) ?? null;
    if (!process) {
      if (exitCode === null && ageSeconds >= 0 && ageSeconds < SPAWN_GRACE_SECONDS)
        return { kind: "pending", reason: "starting", message: "process is starting" };
      return { kind: "ended", cause: "never_started", exitCode, message: "" };
    }
    if (await isRunning(process)) {
      if (!isOverdue) return { kind: this.#killAt.has(name) ? "stopping" : "running" };
      this.#overdue.add(name);
    }
    await killGroup(process); // an engine that outlived its agent
    if (await groupExists(process)) return { kind: "stopping" };
    const message = await this.#lastLogLines(name);
    return { kind: "ended", cause: this.#overdue.has(name) ? "deadline" : "exited", exitCode, message };
  }

  async #identity(name: string): Promise<ProcessIdentity | undefined> {
    const text = await readIfThere(join(this.#folder(name), "pid"));
    return text === undefined ? undefined : parseIdentity(text);
  }

  async #lastLogLines(name: string): Promise<string> {
    const text = (await readIfThere(join(this.#folder(name), "agent.log"))) ?? "";
    return text.trim().split("\n").slice(-5).join("\n");
  }
}

/** Makes the folder with its description in one step; false when there is one of that name. */
async function createFolder(dir: string, name: string, record: string): Promise<boolean> {
  const draft = join(dir, `.new-${name}`);
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, "scratch/tmp"), { recursive: true });
  await writeFile(join(draft, "pod.json"), record);
  failpoint("scheduler.pod-drafted");
  try {
    await rename(draft, join(dir, name));
    return true;
  } catch (error) {
    if (!isCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    await rm(draft, { recursive: true, force: true });
    return false;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

type PodRecord = Omit<PodStatus, "name" | "phase"> & {
  /** Seconds since the machine was started: the time of day can be set forth and back. */
  readonly createdAtUptime: number;
  readonly maxSeconds: number;
};
