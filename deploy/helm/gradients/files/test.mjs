// `helm test`: every service says that it serves, and the gateway answers. DOORS is {"grpc": ["host:port"], "http": "http://host:port", "tls": false}.
import { connect } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";

const TRIES = 10;
const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1]).toString("hex");
const { grpc, http, tls } = JSON.parse(process.env.DOORS);

const checks = [
  ...grpc.map(({ target, tls: isTls }) => ({
    what: `${target} serves gRPC`,
    run: () => checkHealth(target, isTls),
  })),
  { what: `${http}/healthz answers`, run: () => checkStatus(`${http}/healthz`, 200) },
  { what: `${http}/v1/models wants an API key`, run: () => checkStatus(`${http}/v1/models`, 401) },
];
const problems = await Promise.all(checks.map(settle));
if (tls)
  process.stdout.write("TLS is on; certificates are not verified here, where names are the cluster's own\n");
process.exitCode = problems.some(Boolean) ? 1 : 0;

async function settle({ what, run }) {
  for (let attempt = 1; ; attempt += 1) {
    const problem = await run().then(
      () => undefined,
      (error) => error.message,
    );
    if (problem === undefined || attempt === TRIES) {
      process.stdout.write(
        `${problem === undefined ? "ok    " : "FAILED"} ${what}${problem ? `: ${problem}` : ""}\n`,
      );
      return problem;
    }
    await sleep(2_000);
  }
}

async function checkStatus(url, status) {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (response.status !== status) throw new Error(`status ${response.status} instead of ${status}`);
}

/** grpc.health.v1.Health/Check with an empty request, by hand: the question has no bytes, the answer two. */
async function checkHealth(target, isTls) {
  const session = connect(`${isTls ? "https" : "http"}://${target}`, { rejectUnauthorized: false });
  try {
    const answer = await new Promise((resolve, reject) => {
      session.once("error", reject);
      const call = session.request({
        ":method": "POST",
        ":path": "/grpc.health.v1.Health/Check",
        "content-type": "application/grpc",
        te: "trailers",
      });
      call.setTimeout(5_000, () => reject(new Error("no answer")));
      const chunks = [];
      call.on("data", (chunk) => chunks.push(chunk));
      call.once("error", reject);
      call.once("end", () => resolve(Buffer.concat(chunks).toString("hex")));
      call.end(Buffer.alloc(5));
    });
    if (answer !== SERVING) throw new Error(`answered ${answer || "nothing"}`);
  } finally {
    session.destroy();
  }
}
