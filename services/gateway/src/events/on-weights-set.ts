import { on } from "@gradients/bus";
import { WeightsSetSchema } from "@gradients/contracts/event";
import type { JobId } from "@gradients/kernel";
import { recordWeightVector } from "../app/record-payments.ts";
import type { GatewayTables } from "../store/schema.ts";

export const onWeightsSet = () =>
  on<typeof WeightsSetSchema, GatewayTables>(
    WeightsSetSchema,
    ({ submissionId, genesisHash, epoch, blockNumber, jobIds }, { tx }) =>
      recordWeightVector(tx, {
        submissionId,
        genesisHash,
        epoch,
        blockNumber,
        jobIds: jobIds.map((jobId) => jobId as JobId),
      }),
  );
