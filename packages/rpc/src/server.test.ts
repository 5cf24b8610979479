import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { ScorerService } from "@gradients/contracts/scorer";
import {
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { protoPath as healthProtoPath } from "grpc-health-check";
import { describe, expect, test } from "vitest";
import { bind } from "./bind.ts";
import { failure, startTestServer } from "./test-server.ts";

// Clients made from the published .proto files alone, as a stranger's tool (grpcurl, a kubelet) would be.
const reflectionProtoPath = fileURLToPath(
  new URL("../proto/grpc/reflection/v1/reflection.proto", import.meta.resolve("@grpc/reflection")),
);
const Health = serviceAt(healthProtoPath, "grpc.health.v1.Health");
const Reflection = serviceAt(reflectionProtoPath, "grpc.reflection.v1.ServerReflection");

describe("health", () => {
  test("is SERVING for the server and each service, unknown for others", async () => {
    await using server = await startTestServer();
    const health = new Health(server.address, credentials.createInsecure());
    expect(await check(health, "")).toEqual({ status: "SERVING" });
    expect(await check(health, "gradients.rpctest.v1.TestService")).toEqual({ status: "SERVING" });
    await expect(check(health, "no.such.Service")).rejects.toThrow("NOT_FOUND");
    health.close();
  });

  test("tells its watchers NOT_SERVING when the server stops", async () => {
    await using server = await startTestServer();
    const health = new Health(server.address, credentials.createInsecure());
    const watch = call(health, "watch")({ service: "" }) as AsyncIterable<{ status: string }>;
    const seen: string[] = [];
    for await (const { status } of watch) {
      seen.push(status);
      if (status !== "SERVING") break;
      void server.stop();
    }
    expect(seen).toEqual(["SERVING", "NOT_SERVING"]);
    await server.stop();
    health.close();
  });
});

describe("reflection", () => {
  test("lists the bound services and describes them with all types they use", async () => {
    const bindings = [bind(ScorerService, unusedScorer)];
    await using server = await startTestServer({}, { bindings, reflection: true });
    const [list, described] = await reflect(server.address, [
      { list_services: "" },
      { file_containing_symbol: "gradients.scorer.v1.ScorerService" },
    ]);
    expect(list?.list_services_response?.service.map(({ name }) => name).toSorted()).toEqual([
      "gradients.scorer.v1.ScorerService",
      "grpc.health.v1.Health",
    ]);
    const files = described?.file_descriptor_response?.file_descriptor_proto ?? [];
    const messages = files.flatMap((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).messageType);
    expect(messages.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["GetVerdictRequest", "JobScored", "ObjectRef"]),
    );
  });

  test("is absent unless asked for", async () => {
    await using server = await startTestServer();
    await expect(reflect(server.address, [{ list_services: "" }])).rejects.toThrow("UNIMPLEMENTED");
  });
});

describe("a stop", () => {
  test("lets a unary call finish and takes no new one", async () => {
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    await using server = await startTestServer({
      getPoint: async () => {
        started.resolve();
        await release.promise;
        return { step: 1n };
      },
    });
    const running = server.client.getPoint({});
    await started.promise;
    const stopped = server.stop();
    const newcomer = server.newClient(ScorerService, { defaultDeadlineMs: 2_000 });
    await expect(newcomer.getVerdict({ jobId: "j" })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    release.resolve();
    expect((await running).step).toBe(1n);
    await stopped;
  });

  test("ends streams at once with UNAVAILABLE, so that their clients go elsewhere", async () => {
    await using server = await startTestServer({
      async *count(_request, { signal }) {
        yield { step: 1n };
        await sleep(60_000, undefined, { signal });
      },
    });
    const error = await failure(async () => {
      for await (const _ of server.client.count({})) void server.stop();
    });
    expect(error).toMatchObject({ code: "UNAVAILABLE", reason: "SERVER_STOPPING" });
    await server.stop();
  });

  test("does not wait for ever: what is still open is cut off", async () => {
    const started = Promise.withResolvers<AbortSignal>();
    await using server = await startTestServer(
      {
        begin: (_request, { signal }) => {
          started.resolve(signal);
          return new Promise(() => {});
        },
      },
      { drainMs: 50 },
    );
    const upload = { purpose: 1, fileName: "a", sha256: "a".repeat(64) };
    const error = failure(() => server.client.begin(upload));
    const signal = await started.promise;
    await server.stop();
    expect(await error).toMatchObject({ code: "UNAVAILABLE" });
    expect(signal.aborted).toBe(true);
    expect(server.logs).toContainEqual(
      expect.objectContaining({
        level: "warn",
        msg: "rpc server closes with calls still open",
        open_calls: 1,
      }),
    );
  });
});

describe("a start", () => {
  test("fails when the port is taken", async () => {
    await using first = await startTestServer();
    const port = Number(first.address.split(":").at(-1));
    await expect(startTestServer({}, { listen: { host: "127.0.0.1", port } })).rejects.toThrow(
      /EADDRINUSE|bind/,
    );
  });

  test("reports an IPv6 address that a client can use", async () => {
    await using server = await startTestServer({}, { listen: { host: "::1", port: 0 } });
    expect(server.address).toMatch(/^\[::1\]:\d+$/);
    expect((await server.client.getPoint({ step: 4n })).step).toBe(4n);
  });
});

const unusedScorer = {
  getSplit: async () => ({}),
  getVerdict: async () => ({}),
  listEvaluations: async () => ({}),
};

type AnyClient = InstanceType<ServiceClientConstructor>;

function serviceAt(protoPath: string, name: string): ServiceClientConstructor {
  const definition = loadSync(protoPath, { keepCase: true, enums: String, includeDirs: [] });
  const found = name
    .split(".")
    .reduce<GrpcObject>((object, part) => object[part] as GrpcObject, loadPackageDefinition(definition));
  return found as unknown as ServiceClientConstructor;
}

function call(client: AnyClient, method: string) {
  const found = client[method];
  if (!found) throw new Error(`no method ${method}`);
  return found.bind(client) as (...args: unknown[]) => unknown;
}

function check(health: AnyClient, service: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    call(health, "check")({ service }, (error: Error | null, response: unknown) =>
      error ? reject(error) : resolve(response),
    );
  });
}

interface ReflectionResponse {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
}

async function reflect(address: string, requests: readonly object[]): Promise<ReflectionResponse[]> {
  const client = new Reflection(address, credentials.createInsecure());
  const stream = call(client, "serverReflectionInfo")() as AsyncIterable<ReflectionResponse> & {
    write(request: object): void;
    end(): void;
  };
  for (const request of requests) stream.write(request);
  stream.end();
  try {
    const responses: ReflectionResponse[] = [];
    for await (const response of stream) responses.push(response);
    return responses;
  } finally {
    client.close();
  }
}
