// Calls GetJob as fast as it is answered, a fixed number at a time, through grpc-js alone: the same load for every server. Run by rpc.ts as a process of its own.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type GetJobRequest, GetJobRequestSchema, GetJobResponseSchema } from "@gradients/contracts/gateway";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { serve } from "../child.ts";
import { getJobPath } from "./get-job-path.ts";

export interface Load {
  readonly target: string;
  readonly token: string;
  readonly name: string;
  readonly seconds: number;
  /** Calls at a time. */
  readonly inFlight: number;
}

serve({ load: (load: Load) => run(load) });

/** Milliseconds that each call took. */
async function run({ target, token, name, seconds, inFlight }: Load): Promise<readonly number[]> {
  const client = new Client(target, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  const request = create(GetJobRequestSchema, { name });
  const took: number[] = [];
  const endAt = performance.now() + seconds * 1000;
  const caller = async () => {
    for (let startedAt = performance.now(); startedAt < endAt; startedAt = performance.now()) {
      await call(client, request, metadata);
      took.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  client.close();
  return took;
}

function call(client: Client, request: GetJobRequest, metadata: Metadata): Promise<void> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      getJobPath,
      (message: GetJobRequest) => Buffer.from(toBinary(GetJobRequestSchema, message)),
      (bytes: Buffer) => fromBinary(GetJobResponseSchema, bytes),
      request,
      metadata,
      { deadline: Date.now() + 30_000 },
      (error) => (error ? reject(error) : resolve()),
    );
  });
}
