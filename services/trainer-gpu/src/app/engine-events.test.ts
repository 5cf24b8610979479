import { expect, test } from "vitest";
import { parseEngineMessage, toPoint } from "./engine-events.ts";

test("reads progress, also of an evaluation and with figures that were not finite", () => {
  const line = `{"type":"progress","step":3,"total_steps":null,"examples":24,"tokens":900,"loss":null,"learning_rate":0.001}`;
  const event = parseEngineMessage(line);
  if (event.type !== "progress") throw new Error(`read as ${event.type}`);
  expect(toPoint(event)).toMatchObject({
    step: 3n,
    totalSteps: 0n,
    tokens: 900n,
    loss: Number.NaN,
    etaSeconds: 0,
  });
});

test("reads both kinds of results and drops what it has no use for", () => {
  const trained = parseEngineMessage(
    `{"type":"result","kind":"train","steps":5,"examples":40,"tokens":999,"train_seconds":1.5,"final_loss":2.5,` +
      `"trainable_parameters":7,"peak_memory_bytes":8,"rows_without_completion":3,"engine_version":"1","device":"cpu","dtype":"float32"}`,
  );
  expect(trained).toMatchObject({ kind: "train", steps: 5n, final_loss: 2.5 });
  expect(trained).not.toHaveProperty("dtype");
});

test("figures that the relay could not take are no event, and words are cut", () => {
  const forged = (step: string) => `{"type":"progress","step":${step},"total_steps":null}`;
  for (const step of ["-1", "1e300", "1e999"]) expect(() => parseEngineMessage(forged(step))).toThrow();
  const error = parseEngineMessage(
    JSON.stringify({ type: "error", code: "LOST", message: "x".repeat(9_000) }),
  );
  expect(error).toMatchObject({ code: "INTERNAL", message: "x".repeat(2_000) });
});

test("refuses a line that is no event", () => {
  expect(() => parseEngineMessage(`{"type":"gossip"}`)).toThrow();
  expect(() => parseEngineMessage("Traceback (most recent call last):")).toThrow();
});
