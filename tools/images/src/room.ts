import { freeSpace } from "../../setup/files.mjs";
import { SetupProblem } from "../../setup/problem.mjs";
import { formatBytes } from "../../setup/progress.mjs";
import { folders } from "./folders.ts";

/** Before anything starts: a disk that fills up half-way costs the user more. */
export function expectRoom(what: string, bytes: number, free: number = freeSpace(folders.archives)): void {
  if (free >= bytes) return;
  throw new SetupProblem(
    `${what} takes about ${formatBytes(bytes)} on the disk of ${folders.archives} and ${formatBytes(free)} are free: make room, or set GRADIENTS_CACHE to a folder on another disk.`,
  );
}
