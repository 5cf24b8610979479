import type { AccountId, Clock } from "@gradients/kernel";
import { checkApiKey, prefixOfApiKey } from "../domain/api-key.ts";
import { Refused } from "../domain/refusal.ts";
import type { KeyCache } from "./key-cache.ts";

/** Who calls, as proven by an API key. */
export interface Caller {
  readonly projectId: AccountId;
  readonly keyId: string;
}

/** The caller behind an Authorization header. Throws Refused. */
export const authenticate =
  ({ keys, clock }: { readonly keys: KeyCache; readonly clock: Clock }) =>
  async (authorization: string | undefined): Promise<Caller> => {
    if (!authorization) throw new Refused({ code: "api_key_missing" });
    const key = /^Bearer (\S+)$/i.exec(authorization)?.[1] ?? "";
    const prefix = prefixOfApiKey(key);
    const record = prefix === undefined ? undefined : await keys.find(prefix);
    if (!record) throw new Refused({ code: "api_key_invalid" });
    const checked = checkApiKey(key, record, clock.now());
    if (!checked.ok) throw new Refused({ code: checked.error });
    return { projectId: record.projectId, keyId: record.keyId };
  };
