import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { up } from "./cluster/cluster.ts";
import { runFolder } from "./layout.ts";
import { addresses, ports } from "./node/addresses.ts";
import { applyObjects, kubectl } from "./testing/commands.ts";
import { denyEgress, job, namespace, pod } from "./testing/objects.ts";
import { suiteProblem } from "./testing/suite-problem.ts";

const problem = suiteProblem("node");
const deadline = { timeout: 60_000, interval: 200 };

describe.skipIf(problem !== undefined)(`a node${problem ? ` (${problem})` : ""}`, () => {
  beforeAll(() => up({ profile: "node" }), 180_000);

  it("runs a suspended Job's restricted pod once it is let go: logs, exec and exit code are real", async () => {
    await using space = await newNamespace("job");
    await applyObjects(
      job(space.name, "attempt", "echo trained; while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 3"),
    );
    expect(await kubectl("-n", space.name, "get", "pods", "-o", "name")).toBe("");

    await kubectl(
      "-n",
      space.name,
      "patch",
      "job",
      "attempt",
      "--type=merge",
      '-p={"spec":{"suspend":false}}',
    );
    await expect
      .poll(() => kubectl("-n", space.name, "logs", "job/attempt").catch(() => ""), deadline)
      .toBe("trained\n");
    const inside = (...command: readonly string[]) =>
      kubectl("-n", space.name, "exec", "job/attempt", "--", ...command);
    expect(await inside("id", "-u")).toBe("10002\n");
    await expect(inside("touch", "/etc/written")).rejects.toThrow(/Read-only file system/);
    await inside("touch", "/tmp/go");

    await kubectl("-n", space.name, "wait", "job/attempt", "--for=condition=Failed", "--timeout=60s");
    const code = "jsonpath={.items[0].status.containerStatuses[0].state.terminated.exitCode}";
    expect(await kubectl("-n", space.name, "get", "pods", "-o", code)).toBe("3");
  }, 120_000);

  it("refuses a pod that breaks the restricted level, and one above the quota", async () => {
    await using space = await newNamespace("refusals");
    const privileged = pod(space.name, "privileged", { securityContext: { privileged: true } });
    await expect(applyObjects(privileged)).rejects.toThrow(/violates PodSecurity "restricted/);

    await kubectl("-n", space.name, "create", "quota", "one", "--hard=pods=1");
    await applyObjects(pod(space.name, "first"));
    await expect(applyObjects(pod(space.name, "second"))).rejects.toThrow(/exceeded quota: one/);
  }, 60_000);

  it("cuts a pod under a deny-all policy off from API server, node, this machine and other pods; its neighbour is not", async () => {
    await using space = await newNamespace("policy");
    const { name } = space;
    await using machine = await listenOn(addresses.host);
    await applyObjects(
      denyEgress(name, { app: "denied" }),
      pod(name, "server", { command: ["sh", "-c", "busybox httpd -f -p 8080 -h /bin"] }),
      pod(name, "denied", { labels: { app: "denied" } }),
      pod(name, "free"),
    );
    await kubectl("-n", name, "wait", "pod", "--all", "--for=condition=Ready", "--timeout=60s");
    const server = await kubectl("-n", name, "get", "pod", "server", "-o", "jsonpath={.status.podIP}");
    const targets = [
      `${server} 8080`,
      `${apiService} 443`,
      `${addresses.host} ${machine.port}`,
      `${addresses.node} ${ports.apiServer}`,
      `${addresses.node} ${ports.kubelet}`,
    ];
    const reached = (from: string) => Promise.all(targets.map((target) => connects(name, from, target)));
    await expect.poll(() => reached("denied"), deadline).toEqual(targets.map(() => false));
    expect(await reached("free")).toEqual(targets.map(() => true));
  }, 120_000);

  it("finds Services by name, from pods and from this machine by address", async () => {
    await using space = await newNamespace("names");
    await applyObjects(
      pod(space.name, "web", {
        labels: { app: "web" },
        command: ["sh", "-c", "echo found > /tmp/page; busybox httpd -f -p 8080 -h /tmp"],
      }),
      pod(space.name, "client"),
    );
    await kubectl("-n", space.name, "expose", "pod", "web", "--port=80", "--target-port=8080");
    await kubectl("-n", space.name, "wait", "pod", "--all", "--for=condition=Ready", "--timeout=60s");
    const page = () =>
      kubectl(
        "-n",
        space.name,
        "exec",
        "client",
        "--",
        "wget",
        "-q",
        "-O",
        "-",
        `http://web.${space.name}.svc.cluster.local/page`,
      );
    await expect.poll(() => page().catch(() => ""), deadline).toBe("found\n");
    const address = await kubectl(
      "-n",
      space.name,
      "get",
      "service",
      "web",
      "-o",
      "jsonpath={.spec.clusterIP}",
    );
    expect(await (await fetch(`http://${address}/page`)).text()).toBe("found\n");
  }, 120_000);

  it("gives a node's identity no secrets of pods that are elsewhere", async () => {
    const asNode = ["--as=system:node:elsewhere", "--as-group=system:nodes"];
    await expect(kubectl("get", "secrets", "-n", "kube-system", ...asNode)).rejects.toThrow(/forbidden/);
  });

  it("notes each exec in the audit log", async () => {
    const log = await readFile(join(runFolder, "audit.log"), "utf8");
    expect(log).toMatch(/"subresource":"exec"/);
  });
});

const apiService = addresses.serviceCidr.replace(/\d+\/\d+$/, "1");

async function newNamespace(name: string) {
  await kubectl("delete", "namespace", name, "--ignore-not-found");
  await applyObjects(namespace(name));
  return {
    name,
    [Symbol.asyncDispose]: async () => {
      await kubectl("delete", "namespace", name, "--wait=false");
    },
  };
}

async function connects(name: string, from: string, target: string): Promise<boolean> {
  const attempt = kubectl("-n", name, "exec", from, "--", "sh", "-c", `nc -w 2 ${target} < /dev/null`);
  return attempt.then(
    () => true,
    () => false,
  );
}

async function listenOn(host: string) {
  const server = createServer((socket) => socket.end()).listen(0, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  };
}
