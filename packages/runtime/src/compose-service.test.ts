import { describe, expect, test } from "vitest";
import { composeService, type Part } from "./compose-service.ts";
import { createLogger } from "./logger.ts";

const logger = createLogger({ service: "test", level: "silent" });

describe("composeService", () => {
  test("starts in order, stops in reverse order, each part after those that stand on it", async () => {
    const log: string[] = [];
    const service = compose(recorded(log, "pool"), recorded(log, "bus"), recorded(log, "server"));
    await service.start();
    const stop = new AbortController();
    const running = service.run(stop.signal);
    stop.abort();
    await running;
    expect(log).toEqual([
      "start pool",
      "start bus",
      "start server",
      "server told",
      "server ran",
      "stop server",
      "bus told",
      "bus ran",
      "stop bus",
      "pool told",
      "pool ran",
      "stop pool",
    ]);
  });

  test("gathers the addresses of its parts", async () => {
    const service = compose(
      { name: "rpc", start: async () => ({ grpc: "127.0.0.1:1" }) },
      { name: "web", start: async () => ({ http: "http://127.0.0.1:2" }) },
    );
    expect(await service.start()).toEqual({ grpc: "127.0.0.1:1", http: "http://127.0.0.1:2" });
  });

  test("stops what was started when a part cannot start", async () => {
    const log: string[] = [];
    const broken: Part = { name: "broken", start: () => Promise.reject(new Error("port taken")) };
    const service = compose(recorded(log, "pool"), broken, recorded(log, "server"));
    await expect(service.start()).rejects.toMatchObject({
      message: "Could not start broken",
      cause: { message: "port taken" },
    });
    expect(log).toEqual(["start pool", "stop pool"]);
  });

  test.each([
    ["throws", () => Promise.reject(new Error("out of memory")), "out of memory"],
    ["returns", () => Promise.resolve(), "ended before it was told to stop"],
  ])(
    "a part that %s on its own stops the whole service in good order and fails it",
    async (_how, run, reason) => {
      const log: string[] = [];
      const service = compose(recorded(log, "pool"), { name: "consumer", run });
      await service.start();
      await expect(service.run(new AbortController().signal)).rejects.toMatchObject({
        message: "consumer died",
        cause: { message: reason },
      });
      expect(log).toEqual(["start pool", "pool told", "pool ran", "stop pool"]);
    },
  );

  test("a part that hangs is left behind after its time and named; the others still stop", async () => {
    const log: string[] = [];
    const hanging: Part = { name: "hanging", run: () => new Promise(() => {}), stopTimeoutMs: 20 };
    const service = compose(recorded(log, "pool"), hanging);
    await service.start();
    await expect(service.run(AbortSignal.abort())).rejects.toMatchObject({
      errors: [
        expect.objectContaining({
          message: "hanging did not stop in good order",
          cause: expect.objectContaining({ message: "still busy after 20 ms" }) as Error,
        }),
      ],
    });
    expect(log.at(-1)).toBe("stop pool");
  });

  test("a signal that has aborted already stops it at once", async () => {
    const log: string[] = [];
    const service = compose(recorded(log, "pool"));
    await service.start();
    await service.run(AbortSignal.abort());
    expect(log).toEqual(["start pool", "pool told", "pool ran", "stop pool"]);
  });
});

function compose(...parts: Part[]) {
  return composeService({ name: "test", logger, parts });
}

function recorded(log: string[], name: string): Part {
  return {
    name,
    start: async () => void log.push(`start ${name}`),
    run: async (signal) => {
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      log.push(`${name} told`);
      await Promise.resolve();
      log.push(`${name} ran`);
    },
    stop: async () => void log.push(`stop ${name}`),
  };
}
