import { isKube } from "@gradients/kube";

/** One sentence about the cluster. A problem keeps pods from running; a warning may; what is unseen may hide either. */
export interface Finding {
  readonly level: "ok" | "warning" | "problem" | "unseen";
  readonly text: string;
  /** What to do about it. */
  readonly cure?: string;
}

export const ok = (text: string): Finding => ({ level: "ok", text });
export const warning = (text: string, cure: string): Finding => ({ level: "warning", text, cure });
export const problem = (text: string, cure: string): Finding => ({ level: "problem", text, cure });
const unseen = (text: string, cure?: string): Finding => ({ level: "unseen", text, ...(cure && { cure }) });

/** What cannot be looked at is no problem by itself: the scheduler does not need the right. */
export async function unlessForbidden(
  what: string,
  look: () => Promise<readonly Finding[]>,
  cure?: string,
): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (isKube(error, "forbidden", "unauthorized"))
      return [unseen(`${what} could not be checked: this account may not read them`, cure)];
    throw error;
  }
}
