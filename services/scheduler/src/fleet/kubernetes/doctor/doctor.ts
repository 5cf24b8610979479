import { type KubeClient, KubeError } from "@gradients/kube";
import { checkAccess } from "./check-access.ts";
import { checkNodes } from "./check-nodes.ts";
import { checkSettings, type DoctorSettings } from "./check-settings.ts";
import { type Finding, ok, problem } from "./finding.ts";

/** Everything that a cluster must have for our pods to run there, each in a sentence. Never rejects for what it finds. */
export async function examine(client: KubeClient, settings: DoctorSettings): Promise<readonly Finding[]> {
  try {
    const { gitVersion } = await client.transport.call<{ readonly gitVersion: string }>({
      method: "GET",
      path: "/version",
    });
    return [
      ok(`The API server answers, version ${gitVersion}`),
      ...(await checkAccess(client, settings.kubernetes)),
      ...(await checkNodes(client, settings)),
      ...(await checkSettings(client, settings)),
    ];
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return [
      problem(
        `The API server does not answer as it should: ${error.message}`,
        "check the kubeconfig or the service account, the address, and the network in between",
      ),
    ];
  }
}
