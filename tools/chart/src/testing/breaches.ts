import type { SandboxPod } from "./sandbox-pod.ts";

export interface Breach {
  readonly what: string;
  readonly says: string;
  readonly change: (pod: SandboxPod) => void;
}

const containerOf = (spec: SandboxPod["spec"], name: string) =>
  spec.containers.find((one: { readonly name: string }) => one.name === name);
const agentOf = ({ spec }: SandboxPod) => containerOf(spec, "agent");
export const engineOf = ({ spec }: SandboxPod) => containerOf(spec, "engine");
/** The API server itself refuses a host namespace beside user namespaces. */
const withoutUsers = (spec: SandboxPod["spec"]) => {
  delete spec.hostUsers;
  return spec;
};
const secret = { valueFrom: { secretKeyRef: { name: "token", key: "token" } } };

export const breaches: readonly Breach[] = [
  {
    what: "the host's network",
    says: "no host namespaces",
    change: ({ spec }) => (withoutUsers(spec).hostNetwork = true),
  },
  {
    what: "the host's processes",
    says: "no host namespaces",
    change: ({ spec }) => (withoutUsers(spec).hostPID = true),
  },
  {
    what: "the host's IPC",
    says: "no host namespaces",
    change: ({ spec }) => (withoutUsers(spec).hostIPC = true),
  },
  {
    what: "one process namespace",
    says: "containers see no processes of each other",
    change: ({ spec }) => (spec.shareProcessNamespace = true),
  },
  {
    what: "another service account",
    says: "the service account is gradients-trainer",
    change: ({ spec }) => (spec.serviceAccountName = "powerful"),
  },
  {
    what: "a token",
    says: "its token is not mounted",
    change: ({ spec }) => (spec.automountServiceAccountToken = true),
  },
  {
    what: "a projected token",
    says: "volumes are emptyDirs",
    change: ({ spec }) =>
      spec.volumes.push({ name: "t", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }),
  },
  {
    what: "service links",
    says: "no variables of Services",
    change: ({ spec }) => delete spec.enableServiceLinks,
  },
  { what: "restarts", says: "never started again", change: ({ spec }) => (spec.restartPolicy = "OnFailure") },
  {
    what: "a long goodbye",
    says: "the grace period is at most 120 s",
    change: ({ spec }) => (spec.terminationGracePeriodSeconds = 3600),
  },
  {
    what: "a folder of the host",
    says: "volumes are emptyDirs",
    change: ({ spec }) => spec.volumes.push({ name: "h", hostPath: { path: "/" } }),
  },
  {
    what: "a disk without a limit",
    says: "with a size limit",
    change: ({ spec }) => spec.volumes.push({ name: "d", emptyDir: {} }),
  },
  {
    what: "a claim",
    says: "volumes are emptyDirs",
    change: ({ spec }) => spec.volumes.push({ name: "c", persistentVolumeClaim: { claimName: "c" } }),
  },
  {
    what: "privileges",
    says: "no container is privileged",
    change: (pod) =>
      Object.assign(engineOf(pod).securityContext, { privileged: true, allowPrivilegeEscalation: true }),
  },
  {
    what: "gaining privileges, unsaid",
    says: "may gain privileges",
    change: (pod) => delete engineOf(pod).securityContext.allowPrivilegeEscalation,
  },
  {
    what: "capabilities kept",
    says: "all capabilities are dropped",
    change: (pod) => (engineOf(pod).securityContext.capabilities = { drop: ["NET_RAW"] }),
  },
  {
    what: "a capability added",
    says: "none is added",
    change: (pod) => (engineOf(pod).securityContext.capabilities.add = ["NET_BIND_SERVICE"]),
  },
  {
    what: "a writable root",
    says: "root filesystems are read-only",
    change: (pod) => delete engineOf(pod).securityContext.readOnlyRootFilesystem,
  },
  {
    what: "root allowed",
    says: "nothing runs as root",
    change: (pod) => (engineOf(pod).securityContext.runAsNonRoot = false),
  },
  {
    what: "a low user",
    says: "numbers of 10000 and above",
    change: (pod) => (engineOf(pod).securityContext.runAsUser = 1000),
  },
  {
    what: "no user",
    says: "numbers of 10000 and above",
    change: (pod) => delete engineOf(pod).securityContext.runAsUser,
  },
  {
    what: "a low group",
    says: "numbers of 10000 and above",
    change: (pod) => (engineOf(pod).securityContext.runAsGroup = 0),
  },
  {
    what: "a low file group",
    says: "numbers of 10000 and above",
    change: ({ spec }) => (spec.securityContext.fsGroup = 0),
  },
  {
    what: "a low further group",
    says: "numbers of 10000 and above",
    change: ({ spec }) => (spec.securityContext.supplementalGroups = [0]),
  },
  {
    what: "the agent's user for the engine",
    says: "the agent's user is nobody else's",
    change: (pod) => (engineOf(pod).securityContext.runAsUser = 10_001),
  },
  {
    what: "no seccomp",
    says: "seccomp is the runtime's default",
    change: (pod) => (engineOf(pod).securityContext.seccompProfile = { type: "Unconfined" }),
  },
  {
    what: "no AppArmor",
    says: "AppArmor not off",
    change: (pod) => (engineOf(pod).securityContext.appArmorProfile = { type: "Unconfined" }),
  },
  {
    what: "an unmasked /proc",
    says: "/proc as usual",
    change: (pod) => {
      engineOf(pod).securityContext.procMount = "Unmasked";
      pod.spec.hostUsers = false;
    },
  },
  {
    what: "a sysctl",
    says: "no sysctls",
    change: ({ spec }) => (spec.securityContext.sysctls = [{ name: "net.ipv4.tcp_syncookies", value: "0" }]),
  },
  {
    what: "no memory limit",
    says: "cpu, memory and ephemeral storage are limited",
    change: (pod) => (engineOf(pod).resources = { limits: { cpu: "1", "ephemeral-storage": "1Gi" } }),
  },
  {
    what: "less asked for than allowed",
    says: "requested in full",
    change: (pod) => (engineOf(pod).resources.requests.cpu = "100m"),
  },
  {
    what: "a port of the node",
    says: "no ports of the node",
    change: (pod) => (engineOf(pod).ports = [{ containerPort: 80, hostPort: 80 }]),
  },
  {
    what: "a secret variable for the engine",
    says: "get no secret",
    change: (pod) => engineOf(pod).env.push({ name: "T", ...secret }),
  },
  {
    what: "variables of a Secret for the engine",
    says: "get no secret",
    change: (pod) => (engineOf(pod).envFrom = [{ secretRef: { name: "token" } }]),
  },
  {
    what: "the agent's variables for the engine",
    says: "nothing of the agent's",
    change: (pod) => engineOf(pod).env.push({ name: "TRAINER_GPU_ATTEMPT_TOKEN", value: "t" }),
  },
  {
    what: "the token's volume for the engine",
    says: "get no secret",
    change: (pod) => engineOf(pod).volumeMounts.push({ name: "token", mountPath: "/token" }),
  },
  {
    what: "the agent's folder for the engine",
    says: "nothing of the agent's",
    change: (pod) => engineOf(pod).volumeMounts.push({ name: "private", mountPath: "/private" }),
  },
  {
    what: "a secret for an init container",
    says: "get no secret",
    change: (pod) => {
      const { name: _name, ...rest } = engineOf(pod);
      pod.spec.initContainers = [{ ...rest, name: "first", env: [{ name: "T", ...secret }] }];
    },
  },
  {
    what: "mounts that come through",
    says: "mounts are not propagated",
    change: (pod) => (engineOf(pod).volumeMounts[0].mountPropagation = "HostToContainer"),
  },
  {
    what: "a contestant's image as the gate",
    says: "and so is the gate",
    change: (pod) => (pod.spec.initContainers[0].image = engineOf(pod).image),
  },
  {
    what: "no gate",
    says: "the gate runs before everything else",
    change: ({ spec }) => delete spec.initContainers,
  },
  {
    what: "something before the gate",
    says: "the gate runs before everything else",
    change: (pod) => pod.spec.initContainers.unshift({ ...engineOf(pod), name: "first" }),
  },
  {
    what: "a gate that nobody waits for",
    says: "the gate runs before everything else, to its end",
    change: ({ spec }) => (spec.initContainers[0].restartPolicy = "Always"),
  },
  {
    what: "another program as the gate",
    says: "the gate runs before everything else",
    change: ({ spec }) => (spec.initContainers[0].command = ["node", "--version"]),
  },
  {
    what: "words that the gate takes",
    says: "the gate runs before everything else",
    change: ({ spec }) => (spec.initContainers[0].args = ["--help"]),
  },
  {
    what: "a gate that minds no resolver",
    says: "the gate runs before everything else",
    change: ({ spec }) => spec.initContainers[0].command.push("--open-dns"),
  },
  {
    what: "a variable that the gate heeds",
    says: "the gate runs before everything else",
    change: ({ spec }) =>
      (spec.initContainers[0].env = [{ name: "NODE_OPTIONS", value: "--require=/tmp/x" }]),
  },
  {
    what: "a contestant's image as the agent",
    says: "the agent is the services' image",
    change: (pod) => (agentOf(pod).image = engineOf(pod).image),
  },
  {
    what: "a node by name",
    says: "the Kubernetes scheduler chooses the node",
    change: ({ spec }) => (spec.nodeName = "n"),
  },
  {
    what: "an engine from nowhere that is allowed",
    says: "engines run images of the hardware classes, or from registry.example.org/contestants",
    change: (pod) =>
      (engineOf(pod).image = `registry.example.org/contestants-evil/x@sha256:${"1".repeat(64)}`),
  },
  {
    what: "an image by tag",
    says: "images are named by digest",
    change: (pod) => (engineOf(pod).image = "gradients/trainer:1"),
  },
  {
    what: "the host's users",
    says: "the pod has user namespaces",
    change: ({ spec }) => (spec.hostUsers = true),
  },
  {
    what: "another runtime class",
    says: "the runtime class is one of gvisor",
    change: ({ spec }) => (spec.runtimeClassName = "runc"),
  },
];
