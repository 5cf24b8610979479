import { armFromEnvironment } from "./arm-failpoints.ts";
import { ConfigExit, type ConfigSource } from "./load-config.ts";
import { createLogger } from "./logger.ts";
import type { Service } from "./service.ts";
import { meter } from "./trace.ts";

/** Something else that a service's program can do, e.g. `node src/main.ts dead-letters list`. */
export interface Command<Config> {
  readonly summary: string;
  run(config: Config, args: readonly string[], signal: AbortSignal): Promise<void>;
}

/** One that needs less than the service's whole configuration, and so none of the secrets that it has no use for. It reads its own part. */
export interface StandaloneCommand {
  readonly summary: string;
  runAlone(source: ConfigSource, signal: AbortSignal): Promise<void>;
}

export type Commands<Config> = Readonly<Record<string, Command<Config> | StandaloneCommand>>;

export interface RunOptions<Config> {
  /** From the first signal to the forced exit; 25 s if absent, which is below the 30 s that Kubernetes gives a pod. */
  readonly forcedExitMs?: (config: Config) => number;
}

const FORCED_EXIT_MS = 25_000;

/** For the last log lines and spans to leave; what still keeps the process alive then was not released by a failed start. */
const LINGER_MS = 3_000;

/**
 * The process around a service: configuration, start, run, orderly stop at SIGTERM or SIGINT (a second signal forces it).
 * Exit code 0 after an orderly stop, 78 for a wrong configuration, 1 for a fault, 130 when forced.
 */
export async function runService<Config>(
  load: (source: ConfigSource) => Config,
  create: (config: Config) => Service | Promise<Service>,
  commands: Commands<Config> = {},
  { forcedExitMs = () => FORCED_EXIT_MS }: RunOptions<Config> = {},
): Promise<void> {
  try {
    armFromEnvironment(process.env);
    const { command, args, flags } = splitArguments(process.argv.slice(2));
    const found = command === undefined ? undefined : findCommand(commands, command);
    if (found && "runAlone" in found) {
      await found.runAlone({ env: process.env, argv: args }, stopSignal(FORCED_EXIT_MS));
      return;
    }
    const config = load({ env: process.env, argv: flags });
    const signal = stopSignal(forcedExitMs(config));
    if (found) await found.run(config, args, signal);
    else await serve(create, config, signal);
  } catch (error) {
    end(error, commands);
  } finally {
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }
}

async function serve<Config>(
  create: (config: Config) => Service | Promise<Service>,
  config: Config,
  signal: AbortSignal,
): Promise<void> {
  const readiness = observeReadiness();
  const service = await create(config);
  const logger = createLogger({ service: service.name, level: "info" });
  const addresses = await service.start();
  readiness.isReady = true;
  signal.addEventListener("abort", () => {
    readiness.isReady = false;
  });
  logger.info({ addresses }, "service started");
  await service.run(signal);
  logger.info("service stopped");
}

/** Not ready while what it needs is away at the start, and while it stops. */
function observeReadiness(): { isReady: boolean } {
  const readiness = { isReady: false };
  meter("@gradients/runtime")
    .createObservableGauge("gradients.service.ready", {
      unit: "1",
      description: "1 while the service has started and does not stop.",
    })
    .addCallback((result) => result.observe(readiness.isReady ? 1 : 0));
  return readiness;
}

/** Arguments before the first flag name a command and what it works on. */
function splitArguments(argv: readonly string[]): {
  command: string | undefined;
  args: readonly string[];
  flags: readonly string[];
} {
  if (argv[0]?.startsWith("-")) return { command: undefined, args: [], flags: argv };
  const [command, ...args] = argv;
  return { command, args, flags: [] };
}

function findCommand<Config>(commands: Commands<Config>, name: string): Command<Config> | StandaloneCommand {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command)
    throw new ConfigExit(
      `Unknown command "${name}"; known: ${Object.keys(commands).join(", ") || "none"}`,
      64,
    );
  return command;
}

function stopSignal(forcedExitMs: number): AbortSignal {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Error(`received ${name}`));
    setTimeout(() => process.exit(130), forcedExitMs).unref();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return controller.signal;
}

function end<Config>(error: unknown, commands: Commands<Config>): void {
  if (!(error instanceof ConfigExit)) {
    createLogger({ service: "process", level: "info" }).fatal({ err: error }, "process failed");
    process.exitCode = 1;
    return;
  }
  const output = error.exitCode === 0 ? process.stdout : process.stderr;
  output.write(`${error.message}\n${error.isHelp ? describeCommands(commands) : ""}`);
  process.exitCode = error.exitCode;
}

function describeCommands<Config>(commands: Commands<Config>): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name}\n      ${summary}\n`);
  return lines.length > 0 ? `\nCommands:\n\n${lines.join("")}` : "";
}
