/** A message lacks what it must have; `what` names it. */
export class IncompleteMessage extends Error {
  override readonly name = "IncompleteMessage";

  constructor(what: string) {
    super(`The message has no ${what}`);
  }
}
