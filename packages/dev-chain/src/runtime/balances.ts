import { EXISTENTIAL_DEPOSIT_RAO } from "../metadata/pallets.ts";
import { type DispatchContext, DispatchFailure } from "./dispatch.ts";
import type { Storage } from "./storage.ts";

export interface Account {
  readonly nonce: number;
  readonly freeRao: bigint;
}

/** A transfer between two accounts with the existential deposit kept as the chain keeps it (chain.md section 5). */
export function transfer(
  context: DispatchContext,
  from: string,
  to: string,
  amountRao: bigint,
  keepAlive: boolean,
): void {
  const { storage, emit } = context;
  const sender = readAccount(storage, from);
  const recipient = readAccount(storage, to);
  const left = sender.freeRao - amountRao;
  if (left < 0n || (keepAlive && left < EXISTENTIAL_DEPOSIT_RAO))
    throw new DispatchFailure("FundsUnavailable", { Token: "FundsUnavailable" });
  const exists = recipient.freeRao > 0n;
  if (recipient.freeRao + amountRao < EXISTENTIAL_DEPOSIT_RAO)
    throw new DispatchFailure("BelowMinimum", { Token: "BelowMinimum" });
  if (from !== to) {
    const reaped = left < EXISTENTIAL_DEPOSIT_RAO;
    setFree(storage, from, reaped ? 0n : left);
    if (reaped) emit("System.KilledAccount", from);
    setFree(storage, to, recipient.freeRao + amountRao);
  }
  if (!exists) {
    emit("System.NewAccount", to);
    emit("Balances.Endowed", to, recipient.freeRao + amountRao);
  }
  emit("Balances.Transfer", from, to, amountRao);
}

export function readAccount(storage: Storage, address: string): Account {
  const codec = storage.codecOf("System.Account", address) as unknown as {
    readonly nonce: { toNumber(): number };
    readonly data: { readonly free: { toString(): string } };
  };
  return { nonce: codec.nonce.toNumber(), freeRao: BigInt(codec.data.free.toString()) };
}

export function setFree(storage: Storage, address: string, freeRao: bigint): void {
  writeAccount(storage, address, { ...readAccount(storage, address), freeRao });
}

export function bumpNonce(storage: Storage, address: string): void {
  const account = readAccount(storage, address);
  writeAccount(storage, address, { ...account, nonce: account.nonce + 1 });
}

function writeAccount(storage: Storage, address: string, { nonce, freeRao }: Account): void {
  const providers = freeRao > 0n ? 1 : 0;
  const data = { free: freeRao, reserved: 0, frozen: 0, flags: 0 };
  storage.put("System.Account", [address], { nonce, consumers: 0, providers, sufficients: 0, data });
}
