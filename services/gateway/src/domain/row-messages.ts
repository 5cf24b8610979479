import type { Mapping, RowValue } from "@gradients/dataset";

/** One turn as chat templates take it. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
}

const roles: Readonly<Record<string, ChatMessage["role"]>> = {
  system: "system",
  developer: "system",
  user: "user",
  human: "user",
  assistant: "assistant",
  gpt: "assistant",
  model: "assistant",
  chatgpt: "assistant",
  bot: "assistant",
  tool: "tool",
  function: "tool",
  observation: "tool",
};

/** The conversation that a row stands for, as the engine builds it. Takes a row that `classifyRow` passed. */
export function rowMessages(row: RowValue, mapping: Mapping): readonly ChatMessage[] {
  if (mapping.kind === "chat") return asTurns(row[mapping.messages]);
  const system = mapping.system === undefined ? "" : textOf(row[mapping.system]);
  const parts = [
    textOf(row[mapping.instruction]),
    mapping.input === undefined ? "" : textOf(row[mapping.input]),
  ];
  return [
    ...(system ? [{ role: "system", content: system } as const] : []),
    { role: "user", content: parts.filter((part) => part !== "").join("\n\n") },
    { role: "assistant", content: textOf(row[mapping.output]) },
  ];
}

function asTurns(turns: unknown): readonly ChatMessage[] {
  return (Array.isArray(turns) ? turns : []).map((turn: Turn) => ({
    role:
      roles[
        textOf(turn.role ?? turn.from)
          .trim()
          .toLowerCase()
      ] ?? "user",
    content: textOf(turn.content ?? turn.value),
  }));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Both spellings of a turn; what is inside was checked by `classifyRow`. */
interface Turn {
  readonly role?: unknown;
  readonly from?: unknown;
  readonly content?: unknown;
  readonly value?: unknown;
}
