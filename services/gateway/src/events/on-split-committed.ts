import { on } from "@gradients/bus";
import { SplitCommittedSchema } from "@gradients/contracts/event";
import type { GatewayTables } from "../store/schema.ts";
import { type HandlerDeps, takeIn } from "./facts.ts";

export const onSplitCommitted = (deps: HandlerDeps) =>
  on<typeof SplitCommittedSchema, GatewayTables>(SplitCommittedSchema, (message, { tx, time }) =>
    takeIn(deps, tx, SplitCommittedSchema, message.jobId, {
      kind: "split_committed",
      at: time,
      trainRows: message.trainRows,
      heldoutRows: message.heldoutRows,
      commitment: message.heldoutCommitment,
      droppedRows: message.droppedRows,
    }),
  );
