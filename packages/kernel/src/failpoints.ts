/**
 * Every boundary between two effects at which a process may die, with the one file that passes it. Failpoints are named `room.step`; the step is what has
 * just happened, or `before-` what comes next. The list is complete and current by test.
 */
export const failpoints = {
  "db.before-begin": "packages/db/src/database.ts",
  "db.begun": "packages/db/src/database.ts",
  "db.before-commit": "packages/db/src/database.ts",
  "db.committed": "packages/db/src/database.ts",
  "db.before-migrations": "packages/db/src/migrate.ts",
  "db.migrated": "packages/db/src/migrate.ts",
  "db.lock-acquired": "packages/db/src/advisory-lock.ts",

  "bus.outbox-claimed": "packages/bus/src/outbox-relay.ts",
  "bus.before-publish": "packages/bus/src/outbox-relay.ts",
  "bus.published": "packages/bus/src/outbox-relay.ts",
  "bus.outbox-marked": "packages/bus/src/outbox-relay.ts",
  "bus.before-inbox": "packages/bus/src/delivery.ts",
  "bus.inbox-inserted": "packages/bus/src/delivery.ts",
  "bus.before-ack": "packages/bus/src/delivery.ts",
  "bus.acked": "packages/bus/src/delivery.ts",
  "bus.before-dead-letter": "packages/bus/src/reject.ts",
  "bus.dead-letter-recorded": "packages/bus/src/reject.ts",
  "bus.before-progress-publish": "packages/bus/src/progress-queue.ts",
  "bus.progress-published": "packages/bus/src/progress-queue.ts",
  "bus.progress-taken": "packages/bus/src/progress-consumer.ts",
  "bus.progress-stored": "packages/bus/src/progress-consumer.ts",

  "objects.before-put": "packages/objects/src/put-object.ts",
  "objects.put-part-stored": "packages/objects/src/put-object.ts",
  "objects.before-put-complete": "packages/objects/src/put-object.ts",
  "objects.put-completed": "packages/objects/src/put-object.ts",
  "objects.multipart-created": "packages/objects/src/object-store.ts",
  "objects.before-multipart-complete": "packages/objects/src/object-store.ts",
  "objects.multipart-completed": "packages/objects/src/object-store.ts",
  "objects.multipart-aborted": "packages/objects/src/object-store.ts",
  "objects.deleted": "packages/objects/src/object-store.ts",
  "objects.before-part": "packages/objects/src/upload-parts.ts",
  "objects.part-stored": "packages/objects/src/upload-parts.ts",
  "objects.before-download": "packages/objects/src/download-to.ts",
  "objects.downloaded": "packages/objects/src/download-to.ts",

  "rpc.request-read": "packages/rpc/src/handlers.ts",
  "rpc.before-answer": "packages/rpc/src/handlers.ts",
  "rpc.before-call": "packages/rpc/src/client-methods.ts",
  "rpc.answered": "packages/rpc/src/client-methods.ts",

  "gateway.upload-noted": "services/gateway/src/app/upload-dataset.ts",
  "gateway.upload-stored": "services/gateway/src/app/upload-dataset.ts",
  "gateway.upload-committed": "services/gateway/src/app/upload-dataset.ts",
  "gateway.upload-object-deleted": "services/gateway/src/app/upload-dataset.ts",
  "gateway.check-claimed": "services/gateway/src/app/dataset-checker.ts",
  "gateway.checked": "services/gateway/src/app/dataset-checker.ts",
  "gateway.check-saved": "services/gateway/src/app/dataset-checker.ts",
  "gateway.job-accepted": "services/gateway/src/app/create-job.ts",
  "gateway.job-cancelled": "services/gateway/src/app/cancel-job.ts",
  "gateway.progress-of-job-stored": "services/gateway/src/app/record-progress.ts",

  "scheduler.leading": "services/scheduler/src/app/control-loop.ts",
  "scheduler.pods-listed": "services/scheduler/src/app/control-loop.ts",
  "scheduler.swept": "services/scheduler/src/app/control-loop.ts",
  "scheduler.placed": "services/scheduler/src/app/control-loop.ts",
  "scheduler.token-saved": "services/scheduler/src/app/sync-pods.ts",
  "scheduler.pod-started": "services/scheduler/src/app/sync-pods.ts",
  "scheduler.pod-removed": "services/scheduler/src/app/sync-pods.ts",
  "scheduler.pod-drafted": "services/scheduler/src/fleet/local-fleet.ts",
  "scheduler.pod-set-aside": "services/scheduler/src/fleet/local-fleet.ts",
  "scheduler.before-spawn": "services/scheduler/src/fleet/local-fleet.ts",
  "scheduler.spawned": "services/scheduler/src/fleet/local-fleet.ts",
  "scheduler.before-job": "services/scheduler/src/fleet/kubernetes/kubernetes-fleet.ts",
  "scheduler.job-created": "services/scheduler/src/fleet/kubernetes/kubernetes-fleet.ts",
  "scheduler.job-secret-created": "services/scheduler/src/fleet/kubernetes/kubernetes-fleet.ts",
  "scheduler.job-begun": "services/scheduler/src/fleet/kubernetes/kubernetes-fleet.ts",
  "scheduler.job-deleted": "services/scheduler/src/fleet/kubernetes/kubernetes-fleet.ts",
  "scheduler.attempt-assigned": "services/scheduler/src/grpc/get-assignment.ts",
  "scheduler.upload-opened": "services/scheduler/src/app/begin-upload.ts",
  "scheduler.upload-recorded": "services/scheduler/src/app/begin-upload.ts",
  "scheduler.upload-closed": "services/scheduler/src/app/complete-upload.ts",
  "scheduler.upload-marked": "services/scheduler/src/grpc/complete-upload.ts",
  "scheduler.checkpoint-committed": "services/scheduler/src/grpc/commit-checkpoint.ts",
  "scheduler.lease-prolonged": "services/scheduler/src/app/report-progress.ts",
  "scheduler.attempt-finished": "services/scheduler/src/grpc/finish.ts",
  "scheduler.upload-settled": "services/scheduler/src/app/settle-uploads.ts",

  "scorer.task-claimed": "services/scorer/src/tasks/task-runner.ts",
  "scorer.dataset-downloaded": "services/scorer/src/app/split-job.ts",
  "scorer.split-written": "services/scorer/src/app/split-job.ts",
  "scorer.train-uploaded": "services/scorer/src/app/split-job.ts",
  "scorer.split-uploaded": "services/scorer/src/app/split-job.ts",
  "scorer.split-committed": "services/scorer/src/app/split-job.ts",
  "scorer.evidence-gathered": "services/scorer/src/app/judge-job.ts",
  "scorer.judged": "services/scorer/src/app/judge-job.ts",
  "scorer.evidence-written": "services/scorer/src/app/judge-job.ts",
  "scorer.verdict-committed": "services/scorer/src/app/judge-job.ts",

  "chain-bridge.weights-signed": "services/chain-bridge/src/app/reconcile-weights.ts",
  "chain-bridge.intent-saved": "services/chain-bridge/src/app/reconcile-weights.ts",
  "chain-bridge.before-submit": "services/chain-bridge/src/app/send-submission.ts",
  "chain-bridge.submitted": "services/chain-bridge/src/app/send-submission.ts",
  "chain-bridge.answer-recorded": "services/chain-bridge/src/app/send-submission.ts",
  "chain-bridge.block-read": "services/chain-bridge/src/app/ingest-blocks.ts",
  "chain-bridge.block-booked": "services/chain-bridge/src/app/ingest-blocks.ts",

  "trainer.assigned": "services/trainer-gpu/src/app/run-attempt.ts",
  "trainer.staged": "services/trainer-gpu/src/app/run-attempt.ts",
  "trainer.engine-started": "services/trainer-gpu/src/app/spawn-engine.ts",
  "trainer.engine-ended": "services/trainer-gpu/src/app/run-attempt.ts",
  "trainer.checkpoint-uploaded": "services/trainer-gpu/src/app/checkpoint-uploads.ts",
  "trainer.checkpoint-committed": "services/trainer-gpu/src/app/checkpoint-uploads.ts",
  "trainer.upload-begun": "services/trainer-gpu/src/app/upload-files.ts",
  "trainer.parts-uploaded": "services/trainer-gpu/src/app/upload-files.ts",
  "trainer.file-uploaded": "services/trainer-gpu/src/app/upload-files.ts",
  "trainer.artifact-uploaded": "services/trainer-gpu/src/app/run-attempt.ts",
  "trainer.scores-uploaded": "services/trainer-gpu/src/app/run-attempt.ts",
  "trainer.before-report": "services/trainer-gpu/src/app/run-attempt.ts",
  "trainer.reported": "services/trainer-gpu/src/app/run-attempt.ts",
} as const;

export type Failpoint = keyof typeof failpoints;

export function isFailpoint(name: string): name is Failpoint {
  return Object.hasOwn(failpoints, name);
}

type Handler = (name: Failpoint) => void;

/** The one thing that is kept per process and not handed in: passing it to every function that touches the world would bury what they are about. */
let handler: Handler | undefined;

/** Marks a boundary. Does nothing unless the process was armed. */
export function failpoint(name: Failpoint): void {
  handler?.(name);
}

/** For a program's main file, through the runtime: calls `onPass` at each failpoint from here on; undefined disarms. */
export function armFailpoints(onPass: Handler | undefined): void {
  handler = onPass;
}
