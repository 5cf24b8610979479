// Run by run-service.test.ts as a process of its own.
import { z } from "zod";
import { composeService } from "../compose-service.ts";
import { loadConfig } from "../load-config.ts";
import { createLogger } from "../logger.ts";
import { runService } from "../run-service.ts";
import type { Addresses } from "../service.ts";

const schema = z.object({
  behaviour: z.enum(["serve", "hang", "die", "refuse"]).default("serve").describe("What the part does."),
  forcedExitMs: z.int().default(25_000).describe("From the signal to the forced exit."),
});
const runs = {
  serve: (signal: AbortSignal) => until(signal),
  hang: () => new Promise<void>((resolve) => setTimeout(resolve, 60_000)),
  die: () => Promise.reject(new Error("disk full")),
  refuse: () => Promise.resolve(),
};

await runService(
  (source) => loadConfig({ service: "sample", schema, ...source }),
  ({ behaviour }) => {
    const logger = createLogger({ service: "sample", level: "info" });
    const part = {
      name: "loop",
      start: () => start(behaviour),
      run: runs[behaviour],
      stopTimeoutMs: 50_000,
    };
    return composeService({ name: "sample", logger, parts: [part] });
  },
  {
    echo: {
      summary: "Prints its arguments.",
      run: async (_config, args) => void process.stdout.write(`${args.join(" ")}\n`),
    },
  },
  { forcedExitMs: (config) => config.forcedExitMs },
);

async function start(behaviour: string): Promise<Addresses> {
  if (behaviour !== "refuse") return { grpc: "127.0.0.1:1" };
  setInterval(() => {}, 1_000); // stands for a connection that nobody closes
  throw new Error("port taken");
}

function until(signal: AbortSignal): Promise<void> {
  const alive = setInterval(() => {}, 1_000);
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => {
      clearInterval(alive);
      resolve();
    }),
  );
}
