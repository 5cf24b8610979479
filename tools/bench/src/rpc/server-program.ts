// Two servers that answer GetJob with one fixed job: bare grpc-js with protobuf-es, and our adapter around the two. Run by rpc.ts as a process of its own.
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  GatewayService,
  type GetJobRequest,
  GetJobRequestSchema,
  type GetJobResponse,
  GetJobResponseSchema,
} from "@gradients/contracts/gateway";
import { bind, createRpcPart, type ServiceImpl } from "@gradients/rpc";
import { createLogger } from "@gradients/runtime";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { secondsOfCpu, serve } from "../child.ts";
import { getJobPath } from "./get-job-path.ts";

serve({
  cpu: secondsOfCpu,
  startBare: (answer: Uint8Array) => startBare(fromBinary(GetJobResponseSchema, answer)),
  startAdapter: (answer: Uint8Array) => startAdapter(fromBinary(GetJobResponseSchema, answer)),
});

async function startBare(answer: GetJobResponse): Promise<string> {
  const server = new Server();
  const definition = {
    path: getJobPath,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: GetJobRequest) => Buffer.from(toBinary(GetJobRequestSchema, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(GetJobRequestSchema, bytes),
    responseSerialize: (message: GetJobResponse) => Buffer.from(toBinary(GetJobResponseSchema, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(GetJobResponseSchema, bytes),
  };
  server.addService(
    { getJob: definition },
    {
      getJob: (_call: ServerUnaryCall<GetJobRequest, GetJobResponse>, done: sendUnaryData<GetJobResponse>) =>
        done(null, answer),
    },
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  );
  return `127.0.0.1:${await promise}`;
}

async function startAdapter(answer: GetJobResponse): Promise<string> {
  const part = createRpcPart({
    bindings: [bind(GatewayService, allAnswering(answer))],
    listen: { host: "127.0.0.1", port: 0 },
    logger: createLogger({ service: "bench", level: "warn" }),
    isOutage: () => false,
    reflection: false,
  });
  return (await part.start?.())?.["grpc"] ?? "";
}

/** No other method than GetJob is called. */
function allAnswering(answer: GetJobResponse): ServiceImpl<typeof GatewayService> {
  const methods = GatewayService.methods.map(({ localName }) => [localName, async () => answer]);
  return Object.fromEntries(methods) as ServiceImpl<typeof GatewayService>;
}
