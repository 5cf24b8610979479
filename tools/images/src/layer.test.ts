import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { blobOf as BlobOf, packLayer as PackLayer } from "./layer.ts";

let root: string;
let packLayer: typeof PackLayer;
let blobOf: typeof BlobOf;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "layer-"));
  vi.stubEnv("GRADIENTS_CACHE", join(root, "cache"));
  ({ packLayer, blobOf } = await import("./layer.ts"));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

function tree(name: string, order: readonly string[], mode: number): string {
  const folder = join(root, name);
  mkdirSync(join(folder, "bin"), { recursive: true });
  for (const file of order) {
    writeFileSync(join(folder, file), `${file}\n`);
    chmodSync(join(folder, file), mode);
    utimesSync(join(folder, file), mode, mode);
  }
  symlinkSync("./bin/b", join(folder, "link"));
  linkSync(join(folder, "bin/b"), join(folder, "twin"));
  return folder;
}

test.runIf(process.platform === "linux")(
  "the same files make the same layer, whoever has made them and when",
  async () => {
    const one = await packLayer({ title: "one", root: tree("one", ["a", "bin/b"], 0o755), at: "opt/x" });
    const other = await packLayer({
      title: "other",
      root: tree("other", ["bin/b", "a"], 0o700),
      at: "opt/x",
    });
    expect(other.digest).toBe(one.digest);
    const listed = execFileSync("tar", ["--list", "--verbose", "--file", blobOf(one.digest)], {
      encoding: "utf8",
    });
    const lines = listed
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/));
    expect(
      lines.map(([mode, owner, , , , ...name]) => `${mode} ${owner} ${name.slice(0).join(" ")}`),
    ).toEqual([
      "drwxr-xr-x 0/0 ./opt/x/./",
      "-rwxr-xr-x 0/0 ./opt/x/a",
      "drwxr-xr-x 0/0 ./opt/x/bin/",
      "-rwxr-xr-x 0/0 ./opt/x/bin/b",
      "lrwxr-xr-x 0/0 ./opt/x/link -> ./bin/b",
      "-rwxr-xr-x 0/0 ./opt/x/twin",
    ]);
  },
);

test.runIf(process.platform === "linux")("what is left out is not there", async () => {
  const folder = tree("less", ["a", "bin/b"], 0o644);
  const { digest } = await packLayer({ title: "less", root: folder, without: ["bin"] });
  const listed = execFileSync("tar", ["--list", "--file", blobOf(digest)], { encoding: "utf8" });
  expect(listed).not.toContain("bin");
});
