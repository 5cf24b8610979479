import { runService } from "@gradients/runtime";
import { loadConfig } from "./config.ts";
import { createTrainer, type Trainer } from "./trainer-gpu.ts";

let trainer: Trainer | undefined;
await runService(loadConfig, (config) => {
  trainer = createTrainer(config);
  return trainer;
});
process.exitCode ||= trainer?.exitCode();
