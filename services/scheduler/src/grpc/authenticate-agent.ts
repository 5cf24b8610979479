import type { Database } from "@gradients/db";
import type { CallContext } from "@gradients/rpc";
import type { Tables } from "../store/schema.ts";
import { findTokenHolder, hashToken, type TokenHolder } from "../store/tokens.ts";
import { attemptRejected, tokenInvalid } from "./errors.ts";

/** A bearer token stands for one placement of one attempt; only its SHA-256 is known here. */
export function authenticateAgent(db: Database<Tables>): (ctx: CallContext) => Promise<TokenHolder> {
  return async ({ metadata }) => {
    const [header] = metadata.get("authorization");
    const token = typeof header === "string" ? /^Bearer (\S+)$/i.exec(header)?.[1] : undefined;
    const holder = token && (await findTokenHolder(db, hashToken(token)));
    if (!holder) throw tokenInvalid();
    return holder;
  };
}

/** The caller, once it has said the epoch that its token was made for. */
export function holderOf({ principal }: CallContext, epoch: number): TokenHolder {
  const holder = principal as TokenHolder; // set by authenticateAgent, without which no handler runs
  if (holder.epoch !== epoch) throw attemptRejected("FENCED");
  return holder;
}
