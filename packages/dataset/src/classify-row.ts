import { err, ok, type Result } from "@gradients/kernel";
import type { ChatMapping, InstructMapping, Mapping } from "./mapping.ts";
import type { RowError, RowValue } from "./row.ts";

const ROLES = new Set([
  "system",
  "developer",
  "user",
  "human",
  "assistant",
  "gpt",
  "model",
  "chatgpt",
  "bot",
  "tool",
  "function",
  "observation",
]);
const ANSWERING_ROLES = new Set(["assistant", "gpt", "model", "chatgpt", "bot"]);

/**
 * Whether a row can be trained on. The value given back is the row as the engine takes it: all its columns, the mapped ones brought to their type
 * (numbers and booleans to text, a list of turns written as text to a list).
 */
export function classifyRow(value: RowValue, mapping: Mapping): Result<RowValue, RowError> {
  return mapping.kind === "instruct" ? classifyInstruct(value, mapping) : classifyChat(value, mapping);
}

function classifyInstruct(value: RowValue, mapping: InstructMapping): Result<RowValue, RowError> {
  for (const column of [mapping.instruction, mapping.output]) {
    if (!Object.hasOwn(value, column)) return err(missingColumn(column));
  }
  const texts: Record<string, string> = {};
  for (const column of [mapping.instruction, mapping.output, mapping.input, mapping.system]) {
    if (column === undefined || !Object.hasOwn(value, column)) continue;
    const text = asText(value[column]);
    if (text === undefined) return err(notText(column));
    texts[column] = text;
  }
  if (isBlank(texts[mapping.instruction]) && (mapping.input === undefined || isBlank(texts[mapping.input])))
    return err(emptyInstruction(mapping.instruction));
  if (isBlank(texts[mapping.output])) return err(emptyOutput(mapping.output));
  return ok({ ...value, ...texts });
}

function classifyChat(value: RowValue, mapping: ChatMapping): Result<RowValue, RowError> {
  const column = mapping.messages;
  if (!Object.hasOwn(value, column)) return err(missingColumn(column));
  const turns = asList(value[column]);
  if (!turns) return err(badMessages(column, "The column holds no list of turns."));
  if (turns.length === 0) return err(badMessages(column, "The list of turns is empty."));
  for (const [index, turn] of turns.entries()) {
    const problem = turnProblem(turn);
    if (problem) return err(badMessages(column, `Turn ${index + 1} ${problem}.`));
  }
  const answers = turns.filter((turn) => ANSWERING_ROLES.has(roleOf(turn)));
  if (answers.length === 0) return err(noAnswer(column, "The conversation has no turn of the assistant"));
  if (ANSWERING_ROLES.has(roleOf(turns.find((turn) => !isSystem(turn)))))
    return err(noAnswer(column, "The conversation starts with the assistant"));
  if (answers.every((turn) => isBlank(contentOf(turn)))) return err(emptyOutput(column));
  return ok({ ...value, [column]: turns });
}

function turnProblem(turn: unknown): string | undefined {
  if (typeof turn !== "object" || turn === null || Array.isArray(turn)) return "is not an object";
  const role = roleOf(turn);
  if (role === "") return "has no role";
  if (!ROLES.has(role)) return `has the unknown role "${role.slice(0, 40)}"`;
  if (contentOf(turn) === undefined) return "has no text as its content";
  return undefined;
}

/** The role of a turn in either spelling, in lower case; empty when it has none. */
export function roleOf(turn: unknown): string {
  const role = field(turn, "role") ?? field(turn, "from");
  return typeof role === "string" ? role.trim().toLowerCase() : "";
}

/** The text of a turn in either spelling; undefined when it has none. */
export function contentOf(turn: unknown): string | undefined {
  const content = field(turn, "content") ?? field(turn, "value");
  return typeof content === "string" ? content : undefined;
}

export function isAnswer(turn: unknown): boolean {
  return ANSWERING_ROLES.has(roleOf(turn));
}

function isSystem(turn: unknown): boolean {
  return roleOf(turn) === "system" || roleOf(turn) === "developer";
}

function field(turn: unknown, name: string): unknown {
  return typeof turn === "object" && turn !== null
    ? (turn as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

/** Null counts as empty text: optional columns are often written so. */
function asText(value: unknown): string | undefined {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

export function asList(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (typeof value !== "string") return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined; // text that is no JSON is no list
  }
}

function isBlank(text: string | undefined): boolean {
  return text === undefined || text.trim() === "";
}

function missingColumn(column: string): RowError {
  return {
    rule: "MISSING_COLUMN",
    column,
    message: `The row has no column "${column}".`,
    fix: "Give every row the mapped columns, or map other ones.",
  };
}

function notText(column: string): RowError {
  return {
    rule: "NOT_TEXT",
    column,
    message: `The column "${column}" holds a list or an object.`,
    fix: "Write plain text; an object can be written as JSON text.",
  };
}

function emptyInstruction(column: string): RowError {
  return {
    rule: "EMPTY_INSTRUCTION",
    column,
    message: `The column "${column}" is empty.`,
    fix: "Write what the model is asked, or remove the row.",
  };
}

function emptyOutput(column: string): RowError {
  return {
    rule: "EMPTY_OUTPUT",
    column,
    message: `The answer in "${column}" is empty.`,
    fix: "Write the wanted answer, or remove the row.",
  };
}

function badMessages(column: string, message: string): RowError {
  return {
    rule: "BAD_MESSAGES",
    column,
    message,
    fix: 'Write turns such as {"role": "user", "content": "..."}.',
  };
}

function noAnswer(column: string, found: string): RowError {
  return {
    rule: "NO_ANSWER",
    column,
    message: `${found}, so there is nothing to learn.`,
    fix: "Let a user turn come first and an assistant turn answer it.",
  };
}
