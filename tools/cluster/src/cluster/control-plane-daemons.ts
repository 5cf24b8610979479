import type { ApiClient } from "../control-plane/client.ts";
import { callEtcd } from "../control-plane/etcd-client.ts";
import type { ControlPlaneFiles } from "../control-plane/servers.ts";
import { type Daemons, settled } from "../daemons/daemons.ts";
import type { Step } from "./steps.ts";

interface Deps {
  readonly daemons: Daemons;
  readonly files: ControlPlaneFiles;
  readonly api: ApiClient;
  readonly step: Step;
}

export async function startControlPlaneDaemons({ daemons, files, api, step }: Deps): Promise<void> {
  await step("etcd", () =>
    daemons.start(files.etcd, async () => {
      await callEtcd(files.etcdSocket, "/v3/maintenance/status", {});
    }),
  );
  await step("kube-apiserver", () =>
    daemons.start(files.apiServer, async () => {
      await api.call("GET", "/readyz");
    }),
  );
  await Promise.all([
    step("kube-controller-manager", () =>
      daemons.start(files.controllerManager, async () => {
        await api.call("GET", "/api/v1/namespaces/default/serviceaccounts/default");
      }),
    ),
    step("kube-scheduler", () => daemons.start(files.scheduler, settled())),
  ]);
}
