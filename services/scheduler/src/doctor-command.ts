import { access } from "node:fs/promises";
import { hostname } from "node:os";
import { connectionFrom, KubeClient, type KubeConnection, KubeTransport, RateLimiter } from "@gradients/kube";
import { type Command, ConfigExit } from "@gradients/runtime";
import type { SchedulerConfig } from "./config.ts";
import { examine } from "./fleet/kubernetes/doctor/doctor.ts";
import { type Finding, ok, problem } from "./fleet/kubernetes/doctor/finding.ts";
import { reportOf, verdictOf } from "./fleet/kubernetes/doctor/report.ts";

const EX_PROBLEM = 1;
const PROGRAM = "node services/scheduler/src/main.ts doctor";

/**
 * Checks what pods need, and says in sentences what is wrong and what cures it. With the path of a kubeconfig it looks with the rights of whoever that
 * names. Exit code 1 when pods could not run.
 */
export const doctorCommand: Command<SchedulerConfig> = {
  summary:
    "[<kubeconfig>] checks the fleet (cluster, rights, nodes, images, queue) and says what is wrong; exit code 1 when pods cannot run",
  run: async (config, [path]) => {
    const { fleet } = config;
    if (fleet.kind === "local") return conclude(await examineLocal(fleet));
    const kubeconfig = path ?? fleet.kubernetes.kubeconfig;
    const connection = connectionFrom(kubeconfig);
    const findings = await examineCluster(connection, config, fleet);
    conclude(findings, path === undefined ? asAdministrator(kubeconfig, connection) : undefined);
  },
};

function asAdministrator(kubeconfig: string | undefined, connection: KubeConnection): string {
  if (kubeconfig !== undefined) return `An administrator's may see more:\n  ${PROGRAM} <their kubeconfig>`;
  return `An administrator's may see more, from a workstation (the chart's README, "The doctor") or from here, which hands their credentials to this pod for the time of the run:\n  ${intoPod(connection)}`;
}

/** From outside of the pod that we run in: by standard input the kubeconfig comes to lie on no disk there. */
function intoPod({ namespace }: KubeConnection): string {
  const exec = `kubectl -n ${namespace} exec -i ${hostname()} -c scheduler -- ${PROGRAM} /dev/stdin`;
  return `kubectl config view --raw --minify --flatten | ${exec}`;
}

function conclude(findings: readonly Finding[], elsewhere?: string): void {
  process.stdout.write(reportOf(findings));
  const problems = findings.filter(({ level }) => level === "problem").length;
  if (problems > 0) throw new ConfigExit(`${problems} problem(s) keep pods from running`, EX_PROBLEM);
  process.stdout.write(verdictOf(findings, elsewhere));
}

type Fleet = SchedulerConfig["fleet"];

async function examineCluster(
  connection: KubeConnection,
  { relay, attempts }: SchedulerConfig,
  { kubernetes, podEnvironment }: Extract<Fleet, { kind: "kubernetes" }>,
): Promise<readonly Finding[]> {
  const transport = new KubeTransport(connection, { userAgent: "gradients-doctor" });
  const limiter = new RateLimiter({ perSecond: kubernetes.callsPerSecond, burst: kubernetes.callBurst });
  try {
    const { stopGraceSeconds } = attempts;
    return await examine(new KubeClient(transport, kubernetes.namespace, limiter), {
      kubernetes,
      podEnvironment,
      stopGraceSeconds,
      relayTarget: relay.target,
    });
  } finally {
    await transport.close();
  }
}

async function examineLocal({
  python,
  node,
  agent,
}: Extract<Fleet, { kind: "local" }>): Promise<readonly Finding[]> {
  const files = { Python: python, "Node.js": node, "the agent": agent };
  return Promise.all(
    Object.entries(files).map(async ([what, path]) => {
      const isThere = await access(path).then(
        () => true,
        () => false,
      );
      if (isThere) return ok(`Found ${what} at ${path}`);
      return problem(`Did not find ${what} at ${path}`, "npm run setup makes it, or mend the configuration");
    }),
  );
}
