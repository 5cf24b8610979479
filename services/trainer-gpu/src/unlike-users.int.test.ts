import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createObjectStore, type ObjectStore } from "@gradients/objects";
import { testBucket } from "@gradients/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { paths } from "../../../tools/setup/paths.mjs";
import { fakeEngine, python } from "./test/fake-engine.ts";
import { openRelay, type RelayDouble } from "./test/relay-double.ts";

/** As in the pod: two users of one group. */
const agentUser = { uid: 10_001, gid: 10_000 };
const engineUser = { uid: 10_002, gid: 10_000 };
const TOKEN = "the-token-of-this-attempt";
const main = fileURLToPath(new URL("main.ts", import.meta.url));

/** Only root may start processes of other users, and these must get at Node.js, the repository and a Python. */
const enginePython = [python, "/usr/bin/python3"].find((program) => canRun(program, ["-c", ""], engineUser));
const isPossible =
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  enginePython !== undefined &&
  canRun(process.execPath, ["-e", `require("fs").readFileSync(${JSON.stringify(main)})`], agentUser);

function canRun(program: string, args: string[], user: { uid: number; gid: number }): boolean {
  try {
    execFileSync(program, args, { ...user, cwd: "/", stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe.runIf(isPossible)(
  "agent and engine as two users (needs root, and a repository that all may read)",
  () => {
    let root: string;
    let objects: ObjectStore;
    let relay: RelayDouble;
    let children: ChildProcess[];

    beforeAll(async () => {
      objects = createObjectStore(await testBucket());
    });
    afterAll(() => objects.close());

    beforeEach(async () => {
      root = mkdtempSync(join(paths.scratch, "users-"));
      chmodSync(root, 0o711);
      children = [];
      for (const [name, uid, mode] of [
        ["work", 0, 0o2777], // what an emptyDir of a pod with an fsGroup is
        ["private", agentUser.uid, 0o777],
      ] as const) {
        mkdirSync(join(root, name));
        chownSync(join(root, name), uid, agentUser.gid);
        chmodSync(join(root, name), mode);
      }
      writeFileSync(join(root, "private/key"), TOKEN);
      chmodSync(join(root, "private/key"), 0o644);
      const train = await objects.put("train", Buffer.from("rows"));
      const url = await objects.presignGet("train", { expiresSeconds: 600 });
      relay = await openRelay({ inputs: [{ path: "data/train.jsonl", url, ...train }] }, objects);
      return async () => {
        for (const child of children) child.kill("SIGKILL");
        await relay.close();
        rmSync(root, { recursive: true, force: true });
      };
    });

    async function attempt(act: string): Promise<number | null> {
      const socket = join(root, "work/run/engine.sock");
      const engineDir = await fakeEngine(root, act);
      const args = ["-m", "gradients_engine", "serve", "--socket", socket];
      const env = { PYTHONPATH: engineDir, PRIVATE: join(root, "private"), WORK: join(root, "work") };
      children.push(spawn(enginePython ?? "", args, { ...engineUser, cwd: "/", env, stdio: "inherit" }));
      const agent = spawn(process.execPath, [main], {
        ...agentUser,
        cwd: "/",
        stdio: "inherit",
        env: {
          TRAINER_GPU_LOG_LEVEL: "error",
          TRAINER_GPU_RELAY_TARGET: relay.target,
          TRAINER_GPU_ATTEMPT_TOKEN: TOKEN,
          TRAINER_GPU_EPOCH: "0",
          TRAINER_GPU_SCRATCH_DIR: join(root, "private"),
          TRAINER_GPU_CACHE_DIR: join(root, "private/cache"),
          TRAINER_GPU_ENGINE_SOCKET: socket,
        },
      });
      children.push(agent);
      const [code] = (await once(agent, "exit")) as [number | null];
      return code;
    }

    const uploaded = async (label: string) =>
      text(
        objects.get(
          relay.uploads.get(label) ?? expect.fail(`no ${label} in ${[...relay.uploads.keys()].join()}`),
        ),
      );

    test("each reads what it must, and the engine nothing of the agent's", { timeout: 30_000 }, async () => {
      const code = await attempt(`
found = {}
def attempt(name, what):
    try: found[name] = what()
    except OSError as error: found[name] = type(error).__name__
def environments():
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if b"${TOKEN}" in open(f"/proc/{pid}/environ", "rb").read(): return "found"
        except OSError: pass
    return "nothing"
attempt("rows", lambda: open("data/train.jsonl").read())
attempt("spec", lambda: open("spec.json").read())
attempt("key", lambda: open(os.environ["PRIVATE"] + "/key").read())
attempt("list", lambda: os.listdir(os.environ["PRIVATE"]))
attempt("environ", environments)
attempt("change rows", lambda: open("data/train.jsonl", "w").write("other"))
attempt("new file", lambda: open("mine", "w").write("mine"))
attempt("new output", lambda: os.rename("output", "elsewhere"))
os.mkdir("checkpoints/3")
open("checkpoints/3/state.json", "w").write("state")
say("checkpoint", dir="checkpoints/3", step=3, train_seconds=1)
open("output/found.json", "w").write(json.dumps(found))
os.rename(os.environ["WORK"] + "/attempt", os.environ["WORK"] + "/moved")
os.mkdir(os.environ["WORK"] + "/attempt")
say("result", **RESULT)
`);
      expect(code).toBe(0);
      expect(JSON.parse(await uploaded("2 0 found.json"))).toEqual({
        rows: "rows",
        spec: "{}",
        key: "PermissionError",
        list: "PermissionError",
        environ: "nothing",
        "change rows": "PermissionError",
        "new file": "PermissionError",
        "new output": "PermissionError",
      });
      expect(relay.outcome()?.case).toBe("trained");
      expect(await uploaded("1 3 state.json")).toBe("state");
    });

    test.each([
      ["a link to the agent's own", `os.symlink(os.environ["PRIVATE"] + "/key", "output/weights.json")`],
      ["a link to what the agent sees of itself", `os.symlink("/proc/self/environ", "output/weights.json")`],
      [
        "a file that the group may not read",
        `open("output/weights.json", "w"); os.chmod("output/weights.json", 0)`,
      ],
    ])("%s is not delivered", { timeout: 30_000 }, async (_what, act) => {
      expect(await attempt(`${act}\nsay("result", **RESULT)`)).toBe(1);
      expect(relay.uploads.size).toBe(0);
      expect(relay.outcome()).toMatchObject({ case: "failed", value: { code: "ARTIFACT_UNSAFE" } });
    });
  },
);
