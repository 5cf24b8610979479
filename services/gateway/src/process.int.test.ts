import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createWorld, type World } from "./test/world.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const run = promisify(execFile);

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

const children: ChildProcess[] = [];

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL"); // left over when a test was cut off
  await world?.[Symbol.asyncDispose]();
});

describe("the gateway's program", () => {
  test("prints its configuration without secrets", async () => {
    const secrets = { GATEWAY_BOOTSTRAP_KEY: world.customer.key };
    const { stdout } = await run(process.execPath, [main, "--print-config"], {
      env: { ...world.env, ...secrets },
    });
    expect(JSON.parse(stdout)).toMatchObject({
      database: { url: "[redacted]", schema: "gateway" },
      bootstrapKey: "[redacted]",
    });
    for (const secret of [
      world.customer.key,
      world.env["GATEWAY_DATABASE_URL"] ?? "",
      world.env["GATEWAY_OBJECTS_SECRET_ACCESS_KEY"] ?? "",
    ]) {
      expect(stdout).not.toContain(secret);
    }
  });

  test("names every problem of its configuration at once and ends with 78", async () => {
    const failure = run(process.execPath, [main], {
      env: { GATEWAY_HTTP_PORT: "many", GATEWAY_BOOTSTRAP_KEY: "guessable" },
    });
    await expect(failure).rejects.toMatchObject({ code: 78 });
    const { stderr } = (await failure.catch((error: unknown) => error)) as { stderr: string };
    for (const name of [
      "GATEWAY_HTTP_PORT",
      "GATEWAY_BOOTSTRAP_KEY",
      "GATEWAY_DATABASE_URL",
      "GATEWAY_NATS_SERVERS",
    ])
      expect(stderr).toContain(name);
    expect(stderr).not.toContain("guessable");
  });

  test("adds a model only once, and refuses other files under its id", async () => {
    const add = (...more: string[]) =>
      run(process.execPath, [main, "models", "add", world.modelFolder, "--license", "CC0-1.0", ...more], {
        env: { ...world.env },
      });
    expect((await add("--name", "Second")).stdout).toBe("models/second added, 10 parameters\n");
    expect((await add("--name", "Second")).stdout).toBe("models/second was there already, 10 parameters\n");
    await world.changeModelFolder();
    await expect(add("--name", "Second")).rejects.toMatchObject({ code: 1 });
  }, 120_000);

  test("takes a large upload in bounded memory, and ends in good order", async () => {
    const child = spawn(process.execPath, [main], {
      env: { ...world.env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    try {
      const http = await addressOf(child);
      await uploadMebibytes(http, 50); // whatever is loaded and grown once is there after this
      const before = await peakMemory(child);
      await uploadMebibytes(http, 400);
      // Buffers wait for the collector, the longer the busier the machine is: far less than the file all the same.
      expect((await peakMemory(child)) - before).toBeLessThan(300 * MEBIBYTE);
    } finally {
      child.kill("SIGTERM");
    }
    expect(await once(child, "exit")).toEqual([0, null]);
  }, 120_000);
});

const MEBIBYTE = 1024 * 1024;

async function uploadMebibytes(http: string, count: number): Promise<void> {
  const request: RequestInit & { duplex: "half" } = {
    method: "POST",
    headers: { authorization: `Bearer ${world.customer.key}` },
    body: bodyOf(count),
    duplex: "half",
  };
  const response = await fetch(
    `${http}/v1/${world.customer.project}/datasets:upload?fileName=large.jsonl`,
    request,
  );
  const dataset = (await response.json()) as { readonly name: string };
  expect(dataset).toMatchObject({ object: { size: String(count * MEBIBYTE) } });
  await checked(http, dataset.name);
}

/** The check reads the file in a thread of the same process: its memory counts too, and not into the next upload. */
async function checked(http: string, name: string): Promise<void> {
  const headers = { authorization: `Bearer ${world.customer.key}` };
  const state = async (): Promise<string> => {
    const dataset = await (await fetch(`${http}/v1/${name}`, { headers })).json();
    return (dataset as { readonly state: string }).state;
  };
  await expect.poll(state, { timeout: 60_000 }).toBe("STATE_INVALID"); // one line without an end is no data set
}

function bodyOf(mebibytes: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunk = new Uint8Array(MEBIBYTE).fill(120);
  let left = mebibytes;
  return new ReadableStream({
    pull: (controller) => {
      if (left-- > 0) controller.enqueue(chunk);
      else controller.close();
    },
  });
}

async function addressOf(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error("The output is not piped");
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, addresses } = JSON.parse(line) as { msg: string; addresses?: { http: string } };
    if (msg === "service started" && addresses) {
      child.stdout.resume();
      return addresses.http;
    }
  }
  throw new Error("The gateway ended before it had started");
}

/** Most memory that the process has had at any time, in bytes; 0 where the system does not tell. */
async function peakMemory({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
