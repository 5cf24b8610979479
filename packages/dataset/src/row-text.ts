import { asList, contentOf, isAnswer } from "./classify-row.ts";
import type { Mapping } from "./mapping.ts";
import type { RowValue } from "./row.ts";

/** The text of a classified row as the model reads it, without the template: what is asked and what is to be answered. */
export interface RowText {
  readonly prompt: string;
  readonly answer: string;
}

/** Takes a row that `classifyRow` passed. In a conversation the answer is all turns of the assistant, the prompt all others. */
export function rowText(value: RowValue, mapping: Mapping): RowText {
  if (mapping.kind === "chat") {
    const turns = asList(value[mapping.messages]) ?? [];
    return {
      prompt: joined(turns.filter((turn) => !isAnswer(turn)).map(contentOf)),
      answer: joined(turns.filter(isAnswer).map(contentOf)),
    };
  }
  const prompt = [mapping.system, mapping.instruction, mapping.input].map((column) =>
    column === undefined ? "" : text(value[column]),
  );
  return { prompt: joined(prompt), answer: text(value[mapping.output]) };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part).join("\n");
}
