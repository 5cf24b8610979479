import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSet } from "@gradients/contracts/catalogue";
import type { Server } from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { protoPath as healthProtoPath } from "grpc-health-check";

/**
 * Adds server reflection (v1 and v1alpha) for the given services, from the descriptors that the code was
 * generated with.
 */
export function addReflection(server: Server, services: readonly string[]): void {
  const definitions = { ...loadSync(healthProtoPath), ...contractFiles() };
  new ReflectionService(definitions, { services: [...services, "grpc.health.v1.Health"] }).addToServer(
    server,
  );
}

/**
 * The service reads nothing of a definition but its files. Handing them over as they are, once, spares a
 * second of start-up: proto-loader would attach all of them to each of hundreds of types, to be decoded each
 * time.
 */
function contractFiles(): PackageDefinition {
  const { file } = fromBinary(FileDescriptorSetSchema, descriptorSet());
  const fileDescriptorProtos = file.map((proto) => {
    const { sourceCodeInfo: _comments, ...described } = proto;
    return Buffer.from(toBinary(FileDescriptorProtoSchema, described));
  });
  return { contracts: { format: "Protocol Buffer 3 EnumDescriptorProto", type: {}, fileDescriptorProtos } };
}
