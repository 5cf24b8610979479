export * from "./gen/gradients/scheduler/v1/scheduler_pb.js";
