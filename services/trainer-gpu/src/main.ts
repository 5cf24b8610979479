import { runService } from "@gradients/runtime";
import { loadConfig, type TrainerConfig } from "./config.ts";
import { createTrainer, type Trainer } from "./trainer-gpu.ts";

let trainer: Trainer | undefined;
const create = (config: TrainerConfig) => {
  trainer = createTrainer(config);
  return trainer;
};
await runService(loadConfig, create, {}, { forcedExitMs: ({ stopSeconds }) => stopSeconds * 1000 });
process.exitCode ||= trainer?.exitCode();
