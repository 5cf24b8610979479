import { descriptorSet } from "@gradients/contracts/catalogue";
import type { Server } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer, loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { protoPath as healthProtoPath } from "grpc-health-check";

/**
 * Adds server reflection (v1 and v1alpha) for the given services, from the descriptors that the code was
 * generated with.
 */
export function addReflection(server: Server, services: readonly string[]): void {
  const definitions = {
    ...loadSync(healthProtoPath),
    ...loadFileDescriptorSetFromBuffer(Buffer.from(descriptorSet())),
  };
  new ReflectionService(definitions, { services: [...services, "grpc.health.v1.Health"] }).addToServer(
    server,
  );
}
