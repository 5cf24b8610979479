import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const preload = new URL("./shifted-clock.mjs", import.meta.url).href;
/** Says by how much the time of day is off once it has looked, and whether `new Date()` agrees. */
const program = `setTimeout(() => console.log(Date.now(), Math.abs(new Date() - Date.now()) < 1000), 300)`;

test.each([300, -300])(
  "a clock that is set off by %i s tells that time, in every way to ask",
  async (off) => {
    const folder = await mkdtemp(join(tmpdir(), "shifted-clock-"));
    try {
      const file = join(folder, "clock");
      await writeFile(file, String(off));
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ["--import", preload, "--eval", program],
        {
          env: { GRADIENTS_CLOCK_FILE: file },
        },
      );
      const [told = "", agrees] = stdout.trim().split(" ");
      expect(Math.abs(Number(told) - Date.now() - off * 1000)).toBeLessThan(60_000);
      expect(agrees).toBe("true");
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
