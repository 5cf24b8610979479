/** What a pod on a simulated node shall go through. All but the first may be left out; durations as Go writes them, e.g. "90s". */
export const fate = {
  /** From running to its end; without it a pod runs for one second. */
  runTime: "simulated.gradients.io/run-time",
  /** Of every container; without it 0. */
  exitCode: "simulated.gradients.io/exit-code",
  /** "true": the kernel ends its containers for lack of memory when the run time is over. */
  outOfMemory: "simulated.gradients.io/out-of-memory",
  /** Time in which its containers wait for their image. */
  pullTime: "simulated.gradients.io/pull-time",
  /** "true": no registry has its image; it waits for ever. */
  imageMissing: "simulated.gradients.io/image-missing",
  /** Its node is gone after this time of running: the pod fails as the pod collector reports it, and is deleted. */
  nodeLostAfter: "simulated.gradients.io/node-lost-after",
} as const;
