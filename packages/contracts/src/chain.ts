export * from "./gen/gradients/chain/v1/chain_pb.js";
