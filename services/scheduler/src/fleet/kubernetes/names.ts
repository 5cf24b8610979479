/** Labels, annotations and names of a pod's Job. */
export const labelNames = {
  name: "app.kubernetes.io/name",
  managedBy: "app.kubernetes.io/managed-by",
  attempt: "gradients.io/attempt",
  epoch: "gradients.io/epoch",
  hardwareClass: "gradients.io/hardware-class",
  job: "gradients.io/job",
  queue: "kueue.x-k8s.io/queue-name",
} as const;

export const SPEC_HASH = "gradients.io/spec-hash";
/** Of what a Job has from its scheduler's settings, and not from its attempt. */
export const SETTINGS_HASH = "gradients.io/settings-hash";
/** The engine's image is the recipe's own, from a registry of its contestant's. */
export const OWN_IMAGE = "gradients.io/own-image";
/** Keeps a Job until the scheduler has recorded what became of it. */
export const OUTCOME = "gradients.io/outcome";
export const MANAGER = "gradients-scheduler";
export const TRAINER = "gradients-trainer";
/** Set by the Job controller. */
export const JOB_OF_POD = "batch.kubernetes.io/job-name";
export const LEASE = "gradients-scheduler";

export const selector = `${labelNames.managedBy}=${MANAGER},${labelNames.name}=${TRAINER}`;
