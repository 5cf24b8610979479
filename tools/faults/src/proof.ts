/** What was found beyond examples, as it is kept in docs/reliability/proofs/<name>.json. docs/reliability.md is made from all of these too. */
export interface Proof {
  readonly name: string;
  readonly title: string;
  /** What was done, in a sentence or two. */
  readonly text: string;
  /** What makes the result again. */
  readonly command: string;
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}
