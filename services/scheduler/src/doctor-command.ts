import { access } from "node:fs/promises";
import { connectionFrom, KubeClient, KubeTransport, RateLimiter } from "@gradients/kube";
import { type Command, ConfigExit } from "@gradients/runtime";
import type { SchedulerConfig } from "./config.ts";
import { examine } from "./fleet/kubernetes/doctor/doctor.ts";
import { type Finding, ok, problem } from "./fleet/kubernetes/doctor/finding.ts";

const EX_PROBLEM = 1;

/** Checks what pods need, and says in sentences what is wrong and what cures it. Exit code 1 when pods could not run. */
export const doctorCommand: Command<SchedulerConfig> = {
  summary:
    "checks the fleet (cluster, rights, nodes, images, queue) and says what is wrong; exit code 1 when pods cannot run",
  run: async (config) => {
    const { fleet } = config;
    const findings = fleet.kind === "local" ? await examineLocal(fleet) : await examineCluster(config, fleet);
    process.stdout.write(findings.map(lineOf).join(""));
    const problems = findings.filter(({ level }) => level === "problem").length;
    if (problems > 0) throw new ConfigExit(`${problems} problem(s) keep pods from running`, EX_PROBLEM);
    process.stdout.write("Pods can run.\n");
  },
};

function lineOf({ level, text, cure }: Finding): string {
  return `${level.padEnd(8)} ${text}.${cure === undefined ? "" : `\n         Cure: ${cure}.`}\n`;
}

type Fleet = SchedulerConfig["fleet"];

async function examineCluster(
  { relay, attempts }: SchedulerConfig,
  { kubernetes, podEnvironment }: Extract<Fleet, { kind: "kubernetes" }>,
): Promise<readonly Finding[]> {
  const transport = new KubeTransport(connectionFrom(kubernetes.kubeconfig), {
    userAgent: "gradients-doctor",
  });
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
