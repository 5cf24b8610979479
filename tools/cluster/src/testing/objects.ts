/** Kubernetes objects of the tests, restricted as far as Kubernetes can ask for it. */

export const namespace = (name: string) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
});

interface PodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  /** Replaces the container's own. */
  readonly securityContext?: object;
}

export const pod = (namespaceName: string, name: string, options: PodOptions = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: namespaceName, labels: options.labels ?? {} },
  spec: podSpec(options.command ?? ["sleep", "1000"], options.securityContext),
});

export const job = (namespaceName: string, name: string, script: string) => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name, namespace: namespaceName },
  spec: { suspend: true, backoffLimit: 0, template: { spec: podSpec(["sh", "-c", script]) } },
});

export const denyEgress = (namespaceName: string, matchLabels: Readonly<Record<string, string>>) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "deny-egress", namespace: namespaceName },
  spec: { podSelector: { matchLabels }, policyTypes: ["Egress"] },
});

function podSpec(command: readonly string[], securityContext: object = restricted) {
  return {
    restartPolicy: "Never",
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    securityContext: { runAsNonRoot: true, runAsUser: 10002, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name: "main",
        image: "gradients.test/shell:1",
        imagePullPolicy: "Never",
        command,
        securityContext,
        resources: { limits: { cpu: "200m", memory: "32Mi", "ephemeral-storage": "10Mi" } },
        volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
      },
    ],
    volumes: [{ name: "tmp", emptyDir: { sizeLimit: "10Mi" } }],
  };
}

const restricted = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};
