import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiServer, hasApiServer, list, startApiServer } from "./testing/api-server.ts";
import { breaches, engineOf } from "./testing/breaches.ts";
import { type KubernetesObject, ofKind, render } from "./testing/render.ts";
import { type SandboxPod, sandboxPod } from "./testing/sandbox-pod.ts";

const inTrainers = ["-n", "gradients-trainers"];
const over = {
  scheduler: { recipes: { imageRegistries: ["registry.example.org/contestants"] } },
  trainers: {
    userNamespaces: true,
    admissionPolicy: { runtimeClassNames: ["gvisor"] },
    hardwareClasses: [
      {
        name: "boxed",
        description: "In a sandbox",
        slots: 1,
        threadsPerSlot: 1,
        runtimeClassName: "gvisor",
        resources: { cpu: 1, memory: "2Gi", ephemeralStorage: "30Gi" },
      },
    ],
  },
};
describe.skipIf(!hasApiServer)("the admission policy on a real API server", { timeout: 120_000 }, () => {
  let server: ApiServer;
  let rendered: readonly KubernetesObject[] = [];
  let rules: readonly string[] = [];

  beforeAll(async () => {
    server = await startApiServer({ controllers: false });
    rendered = await render({ over });
    const policies = rendered.filter(({ kind }) => kind.startsWith("ValidatingAdmissionPolicy"));
    rules = ofKind(policies, "ValidatingAdmissionPolicy").flatMap(({ spec }) =>
      spec.validations.map(({ message }: { message: string }) => message),
    );
    const serviceAccounts = ["gradients-trainer", "powerful"].map((name) => ({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name, namespace: "gradients-trainers" },
    }));
    const runtimes = ["gvisor", "runc"].map((name) => ({
      apiVersion: "node.k8s.io/v1",
      kind: "RuntimeClass",
      metadata: { name },
      handler: name,
    }));
    // Without the labels of Pod Security, which would refuse most of these pods before the policy is asked.
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "gradients-trainers" } };
    const older = sandboxPod(rendered, "older", ({ spec, metadata }) => {
      spec.terminationGracePeriodSeconds = 3_600;
      Object.assign(metadata, { finalizers: ["gradients.io/test"] });
    });
    for (const objects of [[namespace, ...serviceAccounts, ...runtimes], [older], policies])
      expect((await server.kubectl(["create", "-f", "-"], list(objects))).errors).toBe("");
    await untilInForce(
      server,
      sandboxPod(rendered, "probe", ({ spec }) => (spec.restartPolicy = "Always")),
    );
  }, 120_000);

  afterAll(async () => server?.[Symbol.asyncDispose]());

  test("lets the scheduler's own pod in, with the class's image and with a recipe's", async () => {
    const recipes = sandboxPod(rendered, "recipes", (pod) => {
      engineOf(pod).image = `registry.example.org/contestants/fast@sha256:${"1".repeat(64)}`;
    });
    expect(await create(server, [sandboxPod(rendered, "good"), recipes])).toEqual(new Map());
  });

  test("refuses each breach, in words, and no rule is without one", async () => {
    const named = breaches.map((breach, place) => ({ ...breach, name: `breach-${place}` }));
    const refusals = await create(
      server,
      named.map(({ name, change }) => sandboxPod(rendered, name, change)),
    );
    const wrong = named.filter(({ name, says }) => !refusals.get(name)?.includes(says));
    expect(wrong.map(({ name, what }) => `${what}: ${refusals.get(name) ?? "let in"}`)).toEqual([]);
    const refused = [...refusals.values()].join("\n");
    const untold = "gradients sandbox: no containers are added later"; // the next test's
    expect(rules.filter((rule) => rule !== untold && !refused.includes(rule))).toEqual([]);
  });

  test("refuses containers that are added to a running pod", async () => {
    expect((await server.kubectl(["create", "-f", "-"], sandboxPod(rendered, "running"))).errors).toBe("");
    const path = "/api/v1/namespaces/gradients-trainers/pods/running";
    const pod = JSON.parse((await server.kubectl(["get", "--raw", path])).output) as SandboxPod;
    pod.spec.ephemeralContainers = [{ ...engineOf(pod), name: "debug", resources: undefined }];
    const debugging = await server.kubectl(
      ["replace", "--raw", `${path}/ephemeralcontainers`, "-f", "-"],
      pod,
    );
    expect(debugging.errors).toContain("gradients sandbox: no containers are added later");
  });

  test("lets pods of a release with laxer rules lose their finalizers", async () => {
    const patch = '{"metadata":{"finalizers":[]}}';
    const { errors } = await server.kubectl([
      "patch",
      "pod",
      "older",
      ...inTrainers,
      "--type=merge",
      "-p",
      patch,
    ]);
    expect(errors).toBe("");
  });

  test("is not asked in other namespaces", async () => {
    await server.kubectl(["create", "namespace", "other"]);
    await server.kubectl(["create", "serviceaccount", "default", "-n", "other"]);
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "free", namespace: "other" } };
    const free = { ...pod, spec: { containers: [{ name: "c", image: "busybox" }] } };
    expect((await server.kubectl(["create", "--dry-run=server", "-f", "-"], free)).errors).toBe("");
  });
});

/** Names of the pods that were refused, each with the server's words. */
async function create(server: ApiServer, pods: readonly SandboxPod[]): Promise<ReadonlyMap<string, string>> {
  const { errors } = await server.kubectl(["create", "--dry-run=server", "-f", "-"], list(pods));
  const lines = errors.split("\n").filter((line) => line !== "");
  const name = /pods? "([^"]+)"|Pod "([^"]+)"/i;
  return new Map(
    lines.map((line) => {
      const [, first, second] = name.exec(line) ?? [];
      return [first ?? second ?? line, line] as const;
    }),
  );
}

/** A policy works a moment after it was made. One that never does is the tests' to tell. */
async function untilInForce(server: ApiServer, bad: SandboxPod): Promise<void> {
  for (let tries = 0; tries < 50; tries += 1) {
    const refusal = (await create(server, [bad])).get("probe");
    if (refusal?.includes("gradients sandbox")) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
