import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { paths } from "../../../../tools/setup/paths.mjs";

/** Runs what `act` says with the same verbs as the engine: `say`, `stopped()` and `end` are the same on a file descriptor and on a socket. */
const program = `
import json, os, signal, socket, sys, threading, time

asked = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: asked.set())
served = sys.argv[1] == "serve"
if served:
    while True:
        agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            agent.connect(sys.argv[3])
            break
        except OSError:
            time.sleep(0.05)
    lines = agent.makefile("rb")
    os.umask(0o007)
    os.chdir(json.loads(lines.readline())["workDir"])
    def obey():
        for line in lines:
            if json.loads(line) == {"stop": "term"}: asked.set()
    threading.Thread(target=obey, daemon=True).start()
    out = agent.makefile("wb", buffering=0)
else:
    out = os.fdopen(3, "wb", buffering=0)

def raw(data):
    view = memoryview(data)
    while view: view = view[out.write(view):]
def say(type_, **fields): raw(json.dumps({"type": type_, **fields}).encode() + b"\\n")
def stopped(seconds=60.0): return asked.wait(seconds)
def end(code):
    if served: say("exit", code=code)
    sys.exit(code)
RESULT = dict(kind="train", steps=3, examples=4, tokens=5, train_seconds=1.0, final_loss=2.0, trainable_parameters=1,
    peak_memory_bytes=1, rows_without_completion=0, engine_version="fake", device="cpu")
def progress(step): say("progress", step=step, total_steps=None, loss=1.0)

exec(open(os.path.join(os.path.dirname(__file__), "act.py")).read())
end(0)
`;

/** A Python package of the engine's name in `folder`, which does what `act` says. */
export async function fakeEngine(folder: string, act: string): Promise<string> {
  const engineDir = join(folder, "fake");
  const files = join(engineDir, "gradients_engine");
  await mkdir(files, { recursive: true });
  await writeFile(join(files, "__main__.py"), program);
  await writeFile(join(files, "act.py"), act);
  return engineDir;
}

export const python = paths.pythonBin;
