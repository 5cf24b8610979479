import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

const program = new URL("./testing/service-program.ts", import.meta.url).pathname;

test.each(["SIGTERM", "SIGINT"] as const)("%s stops it in good order with exit code 0", async (signal) => {
  const { child, lines, started, ended } = launch("serve");
  await started;
  child.kill(signal);
  expect(await ended).toBe(0);
  expect(lines.map(({ msg }) => msg)).toEqual(["service started", "part stopped", "service stopped"]);
  expect(lines[0]).toMatchObject({ service: "sample", addresses: { grpc: "127.0.0.1:1" } });
});

test("a second signal forces a service that hangs", async () => {
  const { child, started, ended } = launch("hang");
  await started;
  child.kill("SIGTERM");
  const again = setInterval(() => child.kill("SIGTERM"), 50);
  expect(await ended).toBe(130);
  clearInterval(again);
});

test("a service that hangs is forced after the time that its configuration gives it", async () => {
  const { child, started, ended } = launchWith({ SAMPLE_BEHAVIOUR: "hang", SAMPLE_FORCED_EXIT_MS: "200" });
  await started;
  child.kill("SIGTERM");
  expect(await ended).toBe(130);
});

test("the death of a part ends the process with its reason and exit code 1", async () => {
  const { lines, ended } = launch("die");
  expect(await ended).toBe(1);
  expect(lines.at(-1)).toMatchObject({
    level: "fatal",
    msg: "process failed",
    err: { message: "loop died: disk full" },
  });
});

test("a failed start ends the process even where it left something open", async () => {
  const { lines, ended } = launch("refuse");
  expect(await ended).toBe(1);
  expect(lines.at(-1)).toMatchObject({
    level: "fatal",
    err: { message: "Could not start loop: port taken" },
  });
}, 15_000);

test("a wrong configuration ends it with exit code 78 and the problems on standard error", async () => {
  const { ended, errors } = launch("dance");
  expect(await ended).toBe(78);
  expect(await errors).toContain(
    'SAMPLE_BEHAVIOUR: Invalid option: expected one of "serve"|"hang"|"die"|"refuse", found "dance"',
  );
});

test("a command runs in place of the service", async () => {
  expect(await output("echo", "a", "b")).toEqual({ code: 0, text: "a b\n" });
});

test("an unknown command is refused with the known ones", async () => {
  const { ended, errors } = launch("serve", "dance");
  expect(await ended).toBe(64);
  expect(await errors).toContain('Unknown command "dance"; known: echo');
});

test("--help shows variables and commands", async () => {
  const { code, text: help } = await output("--help");
  expect(code).toBe(0);
  expect(help).toContain("SAMPLE_BEHAVIOUR");
  expect(help).toContain("Prints its arguments.");
});

function launch(behaviour: string, ...args: string[]) {
  return launchWith({ SAMPLE_BEHAVIOUR: behaviour }, ...args);
}

function launchWith(env: Readonly<Record<string, string>>, ...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: Record<string, unknown>[] = [];
  const reader = createInterface(child.stdout).on("line", (line) =>
    lines.push(JSON.parse(line) as Record<string, unknown>),
  );
  const errors = text(child.stderr);
  const ended = once(child, "close").then(([code]) => code as number);
  return { child, lines, errors, ended, started: once(reader, "line") };
}

async function output(...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], {
    env: {},
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [written, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return { code: code as number, text: written };
}
