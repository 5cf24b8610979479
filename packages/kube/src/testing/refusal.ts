export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

export function refuse(code: number, reason: string, message: string): never {
  throw new Refusal(code, reason, message);
}

export function statusOf({ code, reason, message }: Refusal): object {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message };
}
