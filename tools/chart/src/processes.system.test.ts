import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { binaryPath, startControlPlane } from "@gradients/cluster";
import { type Servers, startServers } from "@gradients/dev/servers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasApiServer, list, run } from "./testing/api-server.ts";
import { type ChartProcesses, prepareProcesses } from "./testing/chart-processes.ts";
import { chartFolder, find, type KubernetesObject, render } from "./testing/render.ts";

const services = ["gateway", "scheduler", "scorer", "chain-bridge"];
const account = "system:serviceaccount:gradients:gradients-scheduler";

describe.skipIf(!hasApiServer)("the services as the chart starts them", () => {
  const cleanup = new AsyncDisposableStack();
  let servers: Servers;
  let objects: readonly KubernetesObject[];
  let processes: ChartProcesses;
  let kubeconfig = "";

  beforeAll(async () => {
    servers = cleanup.use(await startServers());
    const plane = cleanup.use(await startControlPlane());
    kubeconfig = plane.kubeconfig;
    objects = await render({ over: valuesFor(servers) });
    const rights = objects.filter(({ kind }) => ["Namespace", "Role", "RoleBinding"].includes(kind));
    const made = await run(
      binaryPath("kubectl"),
      ["create", "-f", "-"],
      plane.kubeconfig,
      JSON.stringify(list(rights)),
    );
    expect(made.errors).toBe("");
    processes = cleanup.use(
      await prepareProcesses({
        objects,
        services,
        secrets: secretsFor(servers),
        given: {
          ...Object.fromEntries(
            ["GATEWAY", "SCHEDULER", "SCORER"].map((name) => [
              `${name}_OBJECTS_ACCESS_KEY_ID`,
              servers.s3.accessKeyId,
            ]),
          ),
          SCHEDULER_FLEET_KUBERNETES_KUBECONFIG: await plane.kubeconfigFor(account),
        },
      }),
    );
  });

  afterAll(() => cleanup.disposeAsync());

  test("pods wait until migrations have made roles, schemas and tables", async () => {
    const waiting = services.map((service) => processes.runVerb(service, "await-schema"));
    for (const service of services) expect(await processes.runVerb(service, "migrate"), service).toBe(0);
    expect(await Promise.all(waiting)).toEqual([0, 0, 0, 0]);
  });

  test("each serves at the address that probes, Services and helm test ask", async () => {
    for (const service of services) processes.start(service);
    const { code, output } = await runHelmTest(processes);
    expect(code, output).toBe(0);
    expect(output.match(/^ok {4}/gm)).toHaveLength(services.length + 2);
  });

  test("the scheduler leads with the rights of its Role", async () => {
    const lease = ["get", "lease", "gradients-scheduler", "-n", "gradients-trainers"];
    const holder = async () =>
      (await run(binaryPath("kubectl"), [...lease, "-o", "jsonpath={.spec.holderIdentity}"], kubeconfig))
        .output;
    await expect.poll(holder, { timeout: 30_000 }).not.toBe("");
  });

  test("each shows its metrics to Prometheus", async () => {
    for (const service of services) {
      const response = await fetch(`http://127.0.0.1:${processes.port(service, "metrics")}/metrics`);
      expect(await response.text(), service).toMatch(/^gradients_service_ready(\{.*\})? 1$/m);
    }
  });

  test("each is alive without NATS, and ends in good order within its grace", async () => {
    await servers.nats.stop();
    const { code, output } = await runHelmTest(processes);
    expect(code, output).toBe(0);
    for (const service of services) {
      const pod = find(objects, "Deployment", `gradients-${service}`).spec.template.spec;
      const preStop = pod.containers[0].lifecycle.preStop.sleep.seconds as number;
      const end = await processes.stop(service);
      expect(end.code, service).toBe(0);
      expect(end.seconds).toBeLessThan((pod.terminationGracePeriodSeconds as number) - preStop);
    }
  });
});

function valuesFor({ nats, s3, chain }: Servers): object {
  return {
    database: { adminSecret: { name: "admin" } },
    nats: { servers: [`127.0.0.1:${nats.port}`], streamReplicas: 1 },
    objects: { endpoint: s3.endpoint, trainersEndpoint: s3.endpoint, region: s3.region },
    gateway: { bootstrapKey: { existingSecret: { name: "key" } } },
    scheduler: { contestantHotkeys: chain.accounts.contestants.map(({ hotkey }) => hotkey) },
    chainBridge: {
      endpoints: [chain.url],
      netuid: chain.netuid,
      mode: "active",
      hotkey: { existingSecret: { name: "hotkey" } },
    },
  };
}

function secretsFor({ postgres, s3, chain }: Servers): Readonly<Record<string, string>> {
  const urls = services.map((service) => {
    const url = new URL(postgres.url);
    url.username = `chart_${service.replace("-", "_")}`;
    url.password = "only-here";
    return [`run/secrets/database/${service}`, url.href] as const;
  });
  return {
    ...Object.fromEntries(urls),
    "run/secrets/database/admin": postgres.url,
    "run/secrets/gradients/objects-secret-access-key": s3.secretAccessKey,
    "run/secrets/gradients/api-key": `grd_${"0".repeat(10)}_${"0".repeat(64)}`,
    "run/secrets/gradients/hotkey": chain.accounts.validator.hotkeyUri,
  };
}

/** The chart's own test, with the doors on this machine. */
async function runHelmTest(processes: ChartProcesses) {
  const grpc = services.map((service) => ({
    target: `127.0.0.1:${processes.port(service, "grpc")}`,
    tls: false,
  }));
  const doors = { grpc, http: `http://127.0.0.1:${processes.port("gateway", "http")}`, tls: false };
  const child = spawn(process.execPath, [`${chartFolder}files/test.mjs`], {
    env: { DOORS: JSON.stringify(doors) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return { code: code as number, output };
}
