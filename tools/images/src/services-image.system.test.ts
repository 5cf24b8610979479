import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { folders } from "./folders.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

/** Debian's packages come from the network: wanted on the build machine, and from whoever has built an image before. */
const isPossible =
  existsSync("/usr/bin/dpkg-deb") &&
  existsSync("/usr/bin/apt-get") &&
  (process.env["CI"] !== undefined || existsSync(folders.debian));

describe.runIf(isPossible)("the services' image (needs Debian's apt and its packages)", () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "images-"));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** With a cache of its own, but for Debian's packages. */
  function images(cache: string, ...args: string[]): string {
    const folder = join(root, cache, "images");
    if (!existsSync(folder)) {
      mkdirSync(folder, { recursive: true });
      mkdirSync(folders.debian, { recursive: true });
      symlinkSync(folders.debian, join(folder, "debian"));
    }
    const env = { ...process.env, GRADIENTS_CACHE: join(root, cache) };
    return execFileSync(process.execPath, [main, ...args], { env, encoding: "utf8" });
  }

  test("is built twice to the same digest, with its bill of materials", () => {
    const [first] = images("one", "build", "services").split("\n");
    const [second] = images("two", "build", "services").split("\n");
    expect(first).toMatch(/^localhost\/gradients\/services@sha256:[0-9a-f]{64}$/);
    expect(second).toBe(first);
    const read = (cache: string, name: string) => readFileSync(join(root, cache, "images", name), "utf8");
    expect(read("one", "services.digest").trim()).toBe(first);
    expect(read("two", "services.cdx.json")).toBe(read("one", "services.cdx.json"));
    expect(read("one", "services.cdx.json")).toContain("pkg:npm/%40grpc/grpc-js@");
  });

  test.runIf(process.getuid?.() === 0)(
    "runs every service's program as its user in a root that cannot be written to",
    () => {
      const printed = images("one", "try", "services");
      for (const name of ["gateway", "scheduler", "scorer", "chain-bridge", "trainer-gpu"])
        expect(printed).toContain(
          `services/${name}/src/main.ts --help as 10001:10000: ${name} takes its configuration`,
        );
    },
  );
});
