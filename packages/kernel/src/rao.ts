import type { Brand } from "./brand.ts";
import { err, ok, type Result } from "./result.ts";

/** An amount of money in RAO, the chain's unit: 10^9 RAO are one TAO. Differences may be negative. */
export type Rao = Brand<bigint, "Rao">;

const DECIMALS = 9;
const RAO_PER_TAO = 10n ** BigInt(DECIMALS);

export function rao(amount: bigint): Rao {
  return amount as Rao;
}

/** All nine decimals, so nothing is rounded: `formatTao(rao(1234567891n))` is "1.234567891". */
export function formatTao(amount: Rao): string {
  const signed: bigint = amount;
  const magnitude = signed < 0n ? -signed : signed;
  const fraction = (magnitude % RAO_PER_TAO).toString().padStart(DECIMALS, "0");
  return `${amount < 0n ? "-" : ""}${magnitude / RAO_PER_TAO}.${fraction}`;
}

export type ParseTaoError = "not_a_decimal_number" | "more_than_nine_decimals";

/** Reads a plain decimal number of TAO ("1", "0.5", "-1.234567891") exactly. */
export function parseTao(text: string): Result<Rao, ParseTaoError> {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) return err("not_a_decimal_number");
  const [, sign = "", whole = "0", fraction = ""] = match;
  if (fraction.length > DECIMALS) return err("more_than_nine_decimals");
  const magnitude = BigInt(whole) * RAO_PER_TAO + BigInt(fraction.padEnd(DECIMALS, "0"));
  return ok(rao(sign ? -magnitude : magnitude));
}
