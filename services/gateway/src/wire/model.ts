import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ModelSchema } from "@gradients/contracts/gateway";
import { modelName } from "../domain/resource-names.ts";
import type { Model } from "../store/models.ts";

export function encodeModel(model: Model): MessageInitShape<typeof ModelSchema> {
  return {
    name: modelName(model.modelId),
    displayName: model.displayName,
    parameterCount: model.parameterCount,
    contextLength: model.contextLength,
    sizeBytes: model.sizeBytes,
    license: model.license,
  };
}
