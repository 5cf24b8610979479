export * from "./gen/gradients/trainer/v1/trainer_pb.js";
