import { readFileSync } from "node:fs";
import { join } from "node:path";
import { binaryPath, outcomeOf } from "@gradients/cluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { paths } from "../../setup/paths.mjs";
import { customResourceFiles } from "./schemas/make-schemas.ts";
import { type ApiServer, hasApiServer, list, run, startApiServer } from "./testing/api-server.ts";
import { chartFolder, filesOf, type KubernetesObject, render, valuesNames } from "./testing/render.ts";
import { attemptObjects, sandboxPod } from "./testing/sandbox-pod.ts";
import { serviceEnvironment } from "./testing/service-environment.ts";

const foreign = new Set([
  "ServiceMonitor",
  "PodMonitor",
  "PrometheusRule",
  "HTTPRoute",
  "GRPCRoute",
  "ScaledObject",
]);
/** Nobody's definitions are here for them. */
const unknown = new Set(["ExternalSecret"]);
const definitions = customResourceFiles();
const account = "system:serviceaccount:gradients:gradients-scheduler";

describe.skipIf(!hasApiServer)("on a real API server", { timeout: 180_000 }, () => {
  let server: ApiServer;

  beforeAll(async () => {
    server = await startApiServer({ controllers: true });
    for (const file of definitions) {
      const { errors } = await server.kubectl(["create", "-f", "-"], readFileSync(file, "utf8"));
      expect(errors).toBe("");
    }
    if (definitions.length > 0)
      await server.kubectl(["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"]);
    await server.kubectl(["create", "namespace", "gradients"]);
    const labels = [
      "pod-security.kubernetes.io/warn=restricted",
      "pod-security.kubernetes.io/warn-version=latest",
    ];
    await server.kubectl(["label", "namespace", "gradients", ...labels]);
  }, 120_000);

  afterAll(async () => server?.[Symbol.asyncDispose]());

  test.each(valuesNames)(
    "all of %s is accepted, and no pod breaks the restricted standard",
    async (values) => {
      const objects = (await render({ values })).filter(isKnown);
      await server.kubectl(["create", "namespace", "gradients-trainers"]);
      const { errors } = await server.kubectl(
        ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-"],
        list(objects),
      );
      // The containers that the values of all-on bring along have no security context of their own.
      expect(
        values === "all-on" ? errors.replace(/^Warning: would violate PodSecurity.*\n/gm, "") : errors,
      ).toBe("");
    },
  );

  test("the scheduler's account may do its work in the trainers' namespace, and nothing else", async () => {
    const roles = (await render()).filter(({ kind }) => kind.startsWith("Role"));
    await server.kubectl(["create", "namespace", "gradients-trainers"]);
    await server.kubectl(["apply", "-f", "-"], list(roles));
    const may = async (verb: string, resource: string, namespace = "gradients-trainers") => {
      const [kind = "", part] = resource.split("/");
      const subresource = part === undefined ? [] : [`--subresource=${part}`];
      const args = ["auth", "can-i", verb, kind, ...subresource, "-n", namespace, "--as", account];
      return (await server.kubectl(args)).output.trim() === "yes";
    };
    for (const [verb, resource] of [
      ["create", "jobs.batch"],
      ["watch", "jobs.batch"],
      ["patch", "jobs.batch"],
      ["delete", "pods"],
      ["get", "pods/log"],
      ["create", "secrets"],
      ["watch", "events"],
      ["update", "leases.coordination.k8s.io"],
    ] as const)
      expect(await may(verb, resource), `${verb} ${resource}`).toBe(true);
    for (const [verb, resource, namespace] of [
      ["create", "pods", undefined],
      ["create", "pods/exec", undefined],
      ["get", "pods/log", "gradients"],
      ["get", "pods", undefined],
      ["list", "secrets", undefined],
      ["patch", "pods", undefined],
      ["create", "rolebindings.rbac.authorization.k8s.io", undefined],
      ["get", "secrets", "gradients"],
      ["create", "jobs.batch", "gradients"],
      ["list", "pods", "kube-system"],
      ["list", "nodes", undefined],
    ] as const)
      expect(await may(verb, resource, namespace), `${verb} ${resource} ${namespace ?? ""}`).toBe(false);
  });

  test("the doctor finds the Role enough, says what it may not see, and sees it as an administrator", async () => {
    const objects = await render();
    await server.kubectl(["create", "namespace", "gradients-trainers"]);
    await server.kubectl(["apply", "-f", "-"], list(objects.filter(({ kind }) => kind.startsWith("Role"))));
    const ask = async (kubeconfig: string) => {
      const program = join(paths.repositoryRoot, "services/scheduler/src/main.ts");
      const env = serviceEnvironment(objects, "scheduler");
      return outcomeOf([process.execPath, program, "doctor", kubeconfig], { env });
    };
    const own = await ask(await server.kubeconfigFor(account));
    expect(own.code, own.output + own.errors).toBe(0);
    expect(own.output.match(/^\w+/gm)).not.toContain("problem");
    expect(own.output).toMatch(/^unseen .*Nodes could not/m);
    expect(own.output).toMatch(/but 3 check\(s\) could not be made with this account\.\n$/);
    const administrator = await ask(server.kubeconfig);
    expect(administrator.code).toBe(1);
    expect(administrator.output).not.toMatch(/^unseen/m);
    expect(administrator.output).toMatch(/^problem .*l40s fits no node/m);
  });

  test("install, upgrade, the same upgrade again, rollback, uninstall: none is refused, and attempts outlive it", async () => {
    const files = filesOf("minimal").flatMap((file) => ["-f", `${chartFolder}${file}`]);
    await server.kubectl(["delete", "namespace", "gradients-trainers", "--ignore-not-found", "--wait"]);
    const helm = async (...args: string[]) => {
      const outcome = await run(binaryPath("helm"), [...args, "-n", "gradients"], server.kubeconfig);
      expect(outcome.code, outcome.errors).toBe(0);
      return outcome.output;
    };
    const upgrade = (...more: string[]) => helm("upgrade", "gradients", chartFolder, ...files, ...more);
    const newer = `image.digest=sha256:${"3".repeat(64)}`;

    const notes = await helm("install", "gradients", chartFolder, ...files);
    expect(notes).toContain("helm test gradients -n gradients");
    expect(notes).toContain("hands the administrator's credentials to the scheduler's pod");
    expect(await migrationJobs()).toHaveLength(1);
    const [first] = await migrationJobs();
    await upgrade("--set", newer);
    await upgrade("--set", newer, "--set", "scheduler.replicas=1");
    expect(await migrationJobs()).not.toContain(first);
    await helm("rollback", "gradients", "1");
    expect(await migrationJobs()).toEqual([first]);

    const { job, secret } = attemptObjects(await render(), "attempt");
    const asScheduler = ["-n", "gradients-trainers", "--as", account];
    for (const object of [job, secret("00000000-0000-0000-0000-000000000000")]) {
      const made = await server.kubectl(["create", ...asScheduler, "-f", "-"], object);
      expect(made.errors).toBe("");
    }
    const pod = sandboxPod(await render(), "attempt");
    expect((await server.kubectl(["create", "-f", "-"], pod)).errors).toBe("");
    await helm("uninstall", "gradients");
    const left = await server.kubectl(["get", "pod", "attempt", "-n", "gradients-trainers", "-o", "name"]);
    expect(left.output.trim()).toBe("pod/attempt");
    const phase = ["-o", "jsonpath={.status.phase}"];
    const namespace = await server.kubectl(["get", "namespace", "gradients-trainers", ...phase]);
    expect(namespace.output).toBe("Active");
  });

  async function migrationJobs(): Promise<readonly string[]> {
    const selector = "app.kubernetes.io/component=migrate";
    const { output } = await server.kubectl(["get", "jobs", "-n", "gradients", "-l", selector, "-o", "name"]);
    return output.split("\n").filter((line) => line !== "");
  }
});

function isKnown({ kind }: KubernetesObject): boolean {
  return !unknown.has(kind) && (definitions.length > 0 || !foreign.has(kind));
}
