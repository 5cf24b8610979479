import type { Mapping } from "./mapping.ts";
import { asMessages } from "./messages.ts";
import type { RowValue } from "./row.ts";

/** The text of a row as the model reads it, without the template: what is asked and what is to be answered. */
export interface RowText {
  readonly prompt: string;
  readonly answer: string;
}

/** Takes a row that `classifyRow` gave back. In a conversation the answer is all turns of the assistant, the prompt all others. */
export function rowText(value: RowValue, mapping: Mapping): RowText {
  if (mapping.kind === "chat") {
    const messages = asMessages(value[mapping.messages]);
    const turns = messages.ok ? messages.value : [];
    return {
      prompt: joined(turns.filter(({ role }) => role !== "assistant").map(({ content }) => content)),
      answer: joined(turns.filter(({ role }) => role === "assistant").map(({ content }) => content)),
    };
  }
  const prompt = [mapping.system, mapping.instruction, mapping.input];
  return {
    prompt: joined(prompt.map((column) => (column === undefined ? "" : text(value[column])))),
    answer: text(value[mapping.output]),
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("\n");
}
