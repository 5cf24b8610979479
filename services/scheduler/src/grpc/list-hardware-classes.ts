import type { SchedulerService } from "@gradients/contracts/scheduler";
import type { MethodImpl } from "@gradients/rpc";
import type { Deps } from "../deps.ts";
import { listPlacements } from "../store/placements.ts";

export function listHardwareClasses({
  db,
  fleet,
}: Deps): MethodImpl<(typeof SchedulerService)["method"]["listHardwareClasses"]> {
  return async () => {
    const placed = await listPlacements(db.q);
    const busy = (name: string) => placed.filter(({ hardwareClass }) => hardwareClass === name).length;
    return {
      hardwareClasses: fleet.classes.map(({ name, description, slots, threadsPerSlot }) => {
        return { name, description, slots, threadsPerSlot, freeSlots: Math.max(0, slots - busy(name)) };
      }),
    };
  };
}
