import { on } from "@gradients/bus";
import { EvaluationRequestedSchema } from "@gradients/contracts/event";
import type { GatewayTables } from "../store/schema.ts";
import { type HandlerDeps, takeIn } from "./facts.ts";

export const onEvaluationRequested = (deps: HandlerDeps) =>
  on<typeof EvaluationRequestedSchema, GatewayTables>(EvaluationRequestedSchema, (message, { tx, time }) =>
    takeIn(deps, tx, EvaluationRequestedSchema, message.jobId, { kind: "evaluation_requested", at: time }),
  );
