import type { Mapping, RowValue } from "@gradients/dataset";

/** One turn as chat templates take it. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** The conversation that a row stands for, as the engine builds it. Takes a row that `classifyRow` passed. */
export function rowMessages(row: RowValue, mapping: Mapping): readonly ChatMessage[] {
  if (mapping.kind === "chat") return row[mapping.messages] as readonly ChatMessage[]; // the form that classifyRow gives
  const text = (column: string | undefined) => textOf(column === undefined ? undefined : row[column]);
  const [system, input] = [text(mapping.system), text(mapping.input)];
  return [
    ...(system.trim() ? [{ role: "system", content: system }] : []),
    {
      role: "user",
      content: input.trim() ? `${text(mapping.instruction)}\n\n${input}` : text(mapping.instruction),
    },
    { role: "assistant", content: text(mapping.output) },
  ];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
