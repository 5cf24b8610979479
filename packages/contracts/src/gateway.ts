export * from "./gen/gradients/gateway/v1/gateway_pb.js";
