import { createHash, randomBytes } from "node:crypto";

/** A key in the form that the gateway takes: prefix for recognition, 256 random bits. */
export function newApiKey(): string {
  const secret = randomBytes(32).toString("hex");
  const prefix = createHash("sha256").update(secret).digest("hex").slice(0, 10);
  return `grd_${prefix}_${secret}`;
}
