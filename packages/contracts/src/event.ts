export * from "./gen/gradients/event/v1/event_pb.js";
