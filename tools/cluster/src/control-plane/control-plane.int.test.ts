import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingBinaries } from "../binaries/missing.ts";
import { type ApiClient, ApiError, apiClient } from "./client.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

const missing = missingBinaries("etcd", "kube-apiserver", "kube-controller-manager");

describe.skipIf(missing !== undefined)(`a control plane${missing ? ` (${missing})` : ""}`, () => {
  let plane: ControlPlane;
  let admin: ApiClient;

  beforeAll(async () => {
    plane = await startControlPlane();
    admin = await apiClient(plane.kubeconfig);
  }, 120_000);
  afterAll(() => plane.stop());

  it("says its pinned version and makes pods of Jobs", async () => {
    expect(await admin.call("GET", "/version")).toMatchObject({ gitVersion: "v1.36.3" });
    await admin.call("POST", "/apis/batch/v1/namespaces/default/jobs", job("makes-a-pod"));
    const pods = "/api/v1/namespaces/default/pods?labelSelector=job-name%3Dmakes-a-pod";
    await expect
      .poll(() => admin.call("GET", pods), { timeout: 20_000 })
      .toMatchObject({
        items: [{ status: { phase: "Pending" } }],
      });
  });

  it("lets a user do only what RBAC gives", async () => {
    const visitor = await apiClient(await plane.kubeconfigFor("visitor"));
    await expect(visitor.call("GET", "/api/v1/pods")).rejects.toMatchObject({ status: 403 });
  });

  it("refuses a pod that breaks the namespace's PodSecurity level", async () => {
    await admin.call("POST", "/api/v1/namespaces", {
      metadata: { name: "restricted", labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    const pod = { metadata: { name: "plain" }, spec: { containers: [{ name: "a", image: "a" }] } };
    const refused = admin.call("POST", "/api/v1/namespaces/restricted/pods", pod);
    await expect(refused).rejects.toThrow(/violates PodSecurity "restricted/);
  });

  it("notes requests in the audit log with the server's own time", async () => {
    await admin.call("GET", "/api/v1/namespaces/audited-by-name").catch(() => {});
    const lines = async () => (await readFile(plane.auditLog, "utf8")).split("\n");
    await expect
      .poll(async () => (await lines()).some((line) => line.includes("audited-by-name")), { timeout: 5000 })
      .toBe(true);
    expect(JSON.parse((await lines()).find((line) => line.includes("audited-by-name")) ?? "")).toMatchObject({
      stageTimestamp: expect.any(String),
    });
  });

  it("keeps its data and its address when the API server is killed and started again", async () => {
    await admin.call("POST", "/api/v1/namespaces", { metadata: { name: "survives" } });
    await plane.kill("kube-apiserver");
    await expect(admin.call("GET", "/api/v1/namespaces/survives")).rejects.toThrow(/ECONNREFUSED/);
    await plane.start("kube-apiserver");
    expect(await admin.call("GET", "/api/v1/namespaces/survives")).toMatchObject({
      metadata: { name: "survives" },
    });
  }, 60_000);

  it("answers an old resource version with 410 Gone after compaction, once the API server has forgotten it, too", async () => {
    const before = (await admin.call("GET", "/api/v1/configmaps?limit=1")) as {
      readonly metadata: { readonly resourceVersion: string };
    };
    await admin.call("POST", "/api/v1/namespaces/default/configmaps", { metadata: { name: "later" } });
    await plane.compact();
    await plane.kill("kube-apiserver");
    await plane.start("kube-apiserver");
    const old = `resourceVersion=${before.metadata.resourceVersion}&resourceVersionMatch=Exact`;
    await expect(admin.call("GET", `/api/v1/configmaps?${old}`)).rejects.toMatchObject({ status: 410 });
  }, 60_000);

  it("stands beside another one, and takes its folder with it", async () => {
    const second = await startControlPlane({ controllerManager: false });
    const other = await apiClient(second.kubeconfig);
    await expect(other.call("GET", "/api/v1/namespaces/survives")).rejects.toBeInstanceOf(ApiError);
    await second.stop();
    expect(existsSync(second.dir)).toBe(false);
  }, 60_000);
});

const job = (name: string) => ({
  metadata: { name },
  spec: {
    backoffLimit: 0,
    template: { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "a" }] } },
  },
});
