/** An error answer of JSON-RPC. */
export class RpcFailure extends Error {
  readonly code: number;
  readonly data: string | undefined;

  constructor(code: number, message: string, data?: string) {
    super(message);
    this.name = "RpcFailure";
    this.code = code;
    this.data = data;
  }
}
