import type { RowValue } from "./row.ts";

/** Which columns of a row carry what. */
export type Mapping = InstructMapping | ChatMapping;

export interface InstructMapping {
  readonly kind: "instruct";
  readonly instruction: string;
  readonly output: string;
  readonly input?: string;
  readonly system?: string;
}

/** `messages` is the column that holds a list of turns, each with role and content (or from and value). */
export interface ChatMapping {
  readonly kind: "chat";
  readonly messages: string;
}

const INSTRUCTION_NAMES = ["instruction", "prompt", "question", "query", "problem"];
const INPUT_NAMES = ["input", "context"];
const OUTPUT_NAMES = ["output", "response", "completion", "answer", "target", "solution"];
const SYSTEM_NAMES = ["system", "system_prompt"];
const MESSAGES_NAMES = ["messages", "conversations", "conversation", "turns"];

/**
 * The mapping that the column names suggest, or undefined when they suggest none. Names are compared without regard to case. `sample` is any early row:
 * a chat column counts only when its value is a list (or the text of one, as CSV has it).
 */
export function detectMapping(columns: readonly string[], sample?: RowValue): Mapping | undefined {
  return detectChat(columns, sample) ?? detectInstruct(columns);
}

/** Columns that a mapping names and the data set lacks. */
export function missingColumns(mapping: Mapping, columns: readonly string[]): string[] {
  return mappedColumns(mapping).filter((name) => !columns.includes(name));
}

/** The columns that a mapping names. */
export function mappedColumns(mapping: Mapping): string[] {
  if (mapping.kind === "chat") return [mapping.messages];
  return [mapping.system, mapping.instruction, mapping.input, mapping.output].filter(
    (name) => name !== undefined,
  );
}

function detectChat(columns: readonly string[], sample: RowValue | undefined): ChatMapping | undefined {
  const messages = firstOf(columns, MESSAGES_NAMES);
  if (messages === undefined) return undefined;
  if (sample && !isListLike(sample[messages])) return undefined;
  return { kind: "chat", messages };
}

function detectInstruct(columns: readonly string[]): InstructMapping | undefined {
  const output = firstOf(columns, OUTPUT_NAMES);
  const named = firstOf(columns, INSTRUCTION_NAMES);
  const input = firstOf(columns, INPUT_NAMES);
  const instruction = named ?? input;
  if (output === undefined || instruction === undefined) return undefined;
  const system = firstOf(columns, SYSTEM_NAMES);
  return {
    kind: "instruct",
    instruction,
    output,
    ...(named !== undefined && input !== undefined && { input }),
    ...(system !== undefined && { system }),
  };
}

function firstOf(columns: readonly string[], names: readonly string[]): string | undefined {
  const byLowerCase = new Map(columns.map((column) => [column.trim().toLowerCase(), column]));
  const found = names.find((name) => byLowerCase.has(name));
  return found === undefined ? undefined : byLowerCase.get(found);
}

function isListLike(value: unknown): boolean {
  return Array.isArray(value) || (typeof value === "string" && value.trimStart().startsWith("["));
}
