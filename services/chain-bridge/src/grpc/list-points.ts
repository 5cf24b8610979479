import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListPointsRequest, ListPointsResponseSchema } from "@gradients/contracts/chain";
import type { Deps } from "../deps.ts";
import { listPoints as listPointsOf } from "../store/points.ts";

export const listPoints =
  ({ db }: Deps) =>
  async ({ jobId }: ListPointsRequest): Promise<MessageInitShape<typeof ListPointsResponseSchema>> => ({
    points: await listPointsOf(db, jobId),
  });
