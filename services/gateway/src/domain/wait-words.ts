import { WaitReason } from "@gradients/contracts/event";

interface WaitWords {
  /** What an attempt waits for. */
  readonly message: string;
  /** What its customer can do. */
  readonly advice: string;
}

export const waitWords: Readonly<Record<WaitReason, WaitWords>> = {
  [WaitReason.UNSPECIFIED]: { message: "", advice: "" },
  [WaitReason.QUOTA]: {
    message: "Everything that may be used at a time is in use.",
    advice:
      "It starts by itself when something is free. Cancelling a job of yours that you no longer need makes room.",
  },
  [WaitReason.NO_MACHINE]: {
    message: "No machine with the hardware of this job has room.",
    advice:
      "It starts by itself when one has. If that takes too long for you, cancel this job and order it with another hardware class.",
  },
  [WaitReason.IMAGE]: {
    message: "A machine is being prepared: it fetches the training software.",
    advice: "It starts by itself, most often within a few minutes.",
  },
  [WaitReason.REFUSED]: {
    message: "The platform's own rules keep it from starting.",
    advice: "Tell the operator of this platform: nothing that you could change would help.",
  },
};
