export * from "./gen/gradients/common/v1/common_pb.js";
export * from "./gen/gradients/common/v1/options_pb.js";
