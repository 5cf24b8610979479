export { assertNever } from "./assert-never.ts";
export type { Brand } from "./brand.ts";
export { type Clock, type ManualClock, manualClock, systemClock } from "./clock.ts";
export { armFailpoints, type Failpoint, failpoint, failpoints, isFailpoint } from "./failpoints.ts";
export {
  type AccountId,
  type AttemptId,
  type DatasetId,
  type EvaluationId,
  type EventId,
  type JobId,
  type ModelId,
  newId,
  type RecipeId,
} from "./ids.ts";
export { formatTao, type ParseTaoError, parseTao, type Rao, rao } from "./rao.ts";
export { err, ok, type Result } from "./result.ts";
export { Rng } from "./rng.ts";
export { isFull, type RateLimit, type TokenBucket, takeToken } from "./token-bucket.ts";
