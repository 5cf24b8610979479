import { expect, test } from "vitest";
import { createLogger, type LoggerOptions } from "./logger.ts";

test("writes JSON lines with service, level, time and the child's part", () => {
  const [line] = logged({}, { attempt_id: "a" });
  expect(line).toMatchObject({
    service: "scorer",
    part: "relay",
    level: "info",
    msg: "attempt scored",
    attempt_id: "a",
  });
  expect(new Date(String(line?.["time"])).getFullYear()).toBeGreaterThan(2000);
});

test.each([
  "password",
  "secret",
  "secretAccessKey",
  "token",
  "apiKey",
  "authorization",
  "mnemonic",
  "seed",
  "salt",
])("hides %s, also inside", (name) => {
  const lines = logged(
    {},
    { [name]: "hunter2", db: { [name]: "hunter2", pool: { [name]: "hunter2", size: 1 } } },
  );
  expect(JSON.stringify(lines)).not.toContain("hunter2");
  expect(lines[0]).toMatchObject({ [name]: "[redacted]", db: { pool: { size: 1 } } });
});

test("hides what the service adds to the list", () => {
  expect(logged({ redact: ["customer.email"] }, { customer: { email: "a@b.c", id: 1 } })[0]).toMatchObject({
    customer: { email: "[redacted]", id: 1 },
  });
});

function logged(options: Partial<LoggerOptions>, fields: object): readonly Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  createLogger({ service: "scorer", level: "info", destination, ...options })
    .child({ part: "relay" })
    .info(fields, "attempt scored");
  return lines;
}
