import { DigestMismatch, FileChanged } from "@gradients/objects";
import { RpcError } from "@gradients/rpc";
import { describe, expect, test } from "vitest";
import { Halted } from "./halt.ts";
import { EngineMissing, outcomeOfEngine, outcomeOfError } from "./outcome.ts";
import { UnsafeFile } from "./work-folder.ts";

const crashed = { exitCode: 70, signal: null, lastLines: ["Traceback", "ValueError: odd"] };

describe("an engine that brought no result", () => {
  test.each(["DATA_INVALID", "NONFINITE", "OUT_OF_MEMORY", "SPEC_INVALID", "ARTIFACT_UNSAFE"] as const)(
    "has failed for good with %s: another try would end alike",
    (code) => {
      const error = { type: "error", code, message: "row 3" } as const;
      expect(outcomeOfEngine(crashed, error, undefined)).toEqual({
        case: "failed",
        value: { code, message: "row 3" },
      });
    },
  );

  test("may go well at another try after a fault of its own", () => {
    const error = { type: "error", code: "INTERNAL", message: "KeyError: 'x'" } as const;
    expect(outcomeOfEngine(crashed, error, undefined)).toMatchObject({
      case: "interrupted",
      value: { cause: expect.stringContaining("KeyError") },
    });
    expect(outcomeOfEngine(crashed, undefined, undefined)).toMatchObject({
      value: { cause: expect.stringContaining("exit code 70; ValueError: odd") },
    });
  });

  test("was out of memory when it says so, and most likely when it was killed", () => {
    const said = { ...crashed, exitCode: 137 };
    expect(outcomeOfEngine(said, undefined, undefined)).toMatchObject({ value: { code: "OUT_OF_MEMORY" } });
    const killed = { exitCode: null, signal: "SIGKILL", lastLines: [] } as const;
    expect(outcomeOfEngine(killed, undefined, undefined)).toMatchObject({
      case: "interrupted",
      value: { cause: expect.stringContaining("lack of memory") },
    });
  });

  test("was interrupted when we asked it to stop, however it ended", () => {
    const stopped = { case: "interrupted", value: { stopped: true } };
    expect(outcomeOfEngine({ ...crashed, exitCode: 75 }, undefined, "sigterm")).toMatchObject(stopped);
    expect(outcomeOfEngine(crashed, undefined, "sigterm")).toMatchObject(stopped);
    expect(outcomeOfEngine(crashed, undefined, undefined).value).not.toHaveProperty("stopped");
  });

  test("was not asked to stop just because it says so: that try counts as a loss", () => {
    const outcome = outcomeOfEngine({ ...crashed, exitCode: 75 }, undefined, undefined);
    expect(outcome.value).toMatchObject({ cause: expect.stringContaining("exit code 75") });
    expect(outcome.value).not.toHaveProperty("stopped");
  });
});

test("an attempt that is no longer ours has no outcome", () => {
  expect(outcomeOfError(new Halted("fenced"))).toBeUndefined();
  expect(outcomeOfError(new Halted("stopped"))).toBeUndefined();
  expect(outcomeOfError(new Halted("relay_lost"))).toBeUndefined();
  expect(outcomeOfError(new Halted("deadline"))).toMatchObject({ value: { code: "DEADLINE_EXCEEDED" } });
});

test("what the engine left and is not touched fails the attempt, an engine that never came gets another try", () => {
  for (const error of [new UnsafeFile("weights is a link"), new FileChanged("weights")])
    expect(outcomeOfError(error)).toMatchObject({ case: "failed", value: { code: "ARTIFACT_UNSAFE" } });
  expect(outcomeOfError(new EngineMissing(120))).toMatchObject({
    case: "interrupted",
    value: { cause: expect.stringContaining("ENGINE_MISSING") },
  });
});

test("a refused file fails the attempt, a damaged input is the platform's trouble", () => {
  const refused = new RpcError("INVALID_ARGUMENT", "FILE_NOT_ALLOWED", "x.bin");
  expect(outcomeOfError(refused)).toMatchObject({ case: "failed", value: { code: "ARTIFACT_UNSAFE" } });
  const damaged = new DigestMismatch("x", { size: 1, sha256: "a" }, { size: 2, sha256: "b" });
  expect(outcomeOfError(damaged)).toMatchObject({
    case: "interrupted",
    value: { cause: expect.stringContaining("DIGEST_MISMATCH") },
  });
});
