import type { EventHandlers } from "@gradients/bus";
import type { Deps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";
import { onJobScored } from "./on-job-scored.ts";

export function eventHandlers(deps: Deps): EventHandlers<Tables> {
  return [onJobScored(deps)];
}
