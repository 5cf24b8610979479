import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";

const launchModule = new URL("./launch.mjs", import.meta.url).href;
let folder;
let program;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gradients-launch-test-"));
  program = join(folder, "program.ts");
  writeFileSync(
    program,
    `const [code = "0"]: string[] = process.argv.slice(2);
    process.on("SIGTERM", () => { console.log("stopped"); process.exit(Number(code)); });
    console.log(String(process.pid), ...process.argv.slice(2));
    if (code !== "7") process.exit(Number(code));
    setInterval(() => {}, 1000);`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a TypeScript program gets its arguments, and its exit code comes back", async () => {
  const { launcher, lines } = launchProgram(["3", "--epochs=2"]);
  const [line] = await once(lines, "line");
  expect(line).toMatch(/^\d+ 3 --epochs=2$/);
  expect(await once(launcher, "exit")).toEqual([3, null]);
});

test("SIGTERM is passed on and the program decides how it ends", async () => {
  const { launcher, lines } = launchProgram(["7"]);
  await once(lines, "line");
  launcher.kill("SIGTERM");
  expect(await once(lines, "line")).toEqual(["stopped"]);
  expect(await once(launcher, "exit")).toEqual([7, null]);
});

test("a launcher that is killed takes the program with it, in order", async () => {
  const { launcher, lines } = launchProgram(["7"]);
  await once(lines, "line");
  launcher.kill("SIGKILL");
  expect(await once(lines, "line")).toEqual(["stopped"]);
  await once(lines, "close"); // the last holder of that pipe is gone
});

function launchProgram(args) {
  const script = `import { launch } from ${JSON.stringify(launchModule)}; process.exitCode = await launch(${JSON.stringify(program)}, ${JSON.stringify(args)});`;
  const launcher = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { launcher, lines: createInterface({ input: launcher.stdout }) };
}
