import { create, createFileRegistry, type DescFile } from "@bufbuild/protobuf";
import type { GenService } from "@bufbuild/protobuf/codegenv2";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { file_gradients_event_v1_event, type ProgressPointSchema } from "@gradients/contracts/event";
import {
  type BeginUploadRequestSchema,
  file_gradients_trainer_v1_trainer,
} from "@gradients/contracts/trainer";

type Method<Kind, Input, Output = typeof ProgressPointSchema> = {
  methodKind: Kind;
  input: Input;
  output: Output;
};

/**
 * For the tests of this package: one method of each kind, over messages of the contracts that carry rules.
 */
export const TestService = defineTestService();

function defineTestService() {
  const imports: readonly DescFile[] = [file_gradients_event_v1_event, file_gradients_trainer_v1_trainer];
  const point = ".gradients.event.v1.ProgressPoint";
  const file = create(FileDescriptorProtoSchema, {
    name: "gradients/rpctest/v1/rpctest.proto",
    package: "gradients.rpctest.v1",
    syntax: "proto3",
    dependency: imports.map(({ proto }) => proto.name),
    service: [
      {
        name: "TestService",
        method: [
          { name: "Begin", inputType: ".gradients.trainer.v1.BeginUploadRequest", outputType: point },
          { name: "GetPoint", inputType: point, outputType: point },
          { name: "Count", inputType: point, outputType: point, serverStreaming: true },
          { name: "Sum", inputType: point, outputType: point, clientStreaming: true },
          {
            name: "Double",
            inputType: point,
            outputType: point,
            clientStreaming: true,
            serverStreaming: true,
          },
        ],
      },
    ],
  });
  const registry = createFileRegistry(file, (name) =>
    allFiles(imports).find(({ proto }) => proto.name === name),
  );
  // The kinds and types are those of the descriptor above.
  return registry.getService("gradients.rpctest.v1.TestService") as unknown as GenService<{
    begin: Method<"unary", typeof BeginUploadRequestSchema>;
    getPoint: Method<"unary", typeof ProgressPointSchema>;
    count: Method<"server_streaming", typeof ProgressPointSchema>;
    sum: Method<"client_streaming", typeof ProgressPointSchema>;
    double: Method<"bidi_streaming", typeof ProgressPointSchema>;
  }>;
}

function allFiles(files: readonly DescFile[]): readonly DescFile[] {
  return files.flatMap((file) => [file, ...allFiles(file.dependencies)]);
}
