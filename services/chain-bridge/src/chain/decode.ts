import type { Codec } from "@polkadot/types/types";

/** polkadot.js types what it decodes only at run time; these say once what each value is taken for. */

export function toNumber(codec: Codec | undefined): number {
  return Number(codec?.toString() ?? 0);
}

export function toBigint(codec: Codec | undefined): bigint {
  return BigInt(codec?.toString() ?? 0);
}

export function toBoolean(codec: Codec | undefined): boolean {
  return codec?.toPrimitive() === true;
}

/** Undefined for a None. */
export function toOptionalText(codec: Codec | undefined): string | undefined {
  return codec === undefined || codec.isEmpty ? undefined : codec.toString();
}

export function toList(codec: Codec | undefined): Codec[] {
  return codec === undefined ? [] : Array.from(codec as unknown as Iterable<Codec>);
}

/** `Vec<(u16, u16)>` */
export function toPairs(codec: Codec): (readonly [number, number])[] {
  return toList(codec).map((pair) => {
    const [left, right] = toList(pair);
    return [toNumber(left), toNumber(right)] as const;
  });
}
