/** Something the user can understand and do something about; shown as its message alone. */
export class DemoError extends Error {
  override readonly name = "DemoError";
}
