export * from "./gen/gradients/scorer/v1/scorer_pb.js";
