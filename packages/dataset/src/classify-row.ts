import { err, ok, type Result } from "@gradients/kernel";
import type { ChatMapping, InstructMapping, Mapping } from "./mapping.ts";
import { asMessages, isBlank, type Message, type Role } from "./messages.ts";
import type { RowError, RowValue } from "./row.ts";

/**
 * Whether a row can be trained on, by rules no laxer than those of the training engine, for which one bad row ends the run. The value given back is the row as the
 * engine takes it: all its columns, the mapped ones brought to one form (numbers and booleans to text, conversations to a list of role and content).
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
  if (isBlank(texts[mapping.instruction] ?? "")) return err(emptyInstruction(mapping.instruction));
  if (isBlank(texts[mapping.output] ?? "")) return err(emptyOutput(mapping.output));
  return ok({ ...value, ...texts });
}

function classifyChat(value: RowValue, { messages: column }: ChatMapping): Result<RowValue, RowError> {
  if (!Object.hasOwn(value, column)) return err(missingColumn(column));
  const messages = asMessages(value[column]);
  if (!messages.ok) return err(badMessages(column, messages.error));
  const turns = messages.value.filter(({ role }) => role !== "system");
  const problem = orderProblem(messages.value) ?? emptyTurn(turns);
  if (problem) return err(badMessages(column, problem));
  if (!turns.some(({ role }) => role === "assistant")) {
    return err(noAnswer(column, "The conversation has no turn of the assistant"));
  }
  return ok({ ...value, [column]: messages.value });
}

/** Chat templates refuse any other order: an optional system turn, then user and assistant by turns. */
function orderProblem(messages: readonly Message[]): string | undefined {
  const laterSystem = messages.findIndex(({ role }, index) => role === "system" && index > 0);
  if (laterSystem > 0) return `Turn ${laterSystem + 1} is a system turn; only the first may be one.`;
  const first = messages[0]?.role === "system" ? 1 : 0;
  const wanted = (index: number): Role => ((index - first) % 2 === 0 ? "user" : "assistant");
  const wrong = messages.findIndex(({ role }, index) => index >= first && role !== wanted(index));
  if (wrong < 0) return undefined;
  return `Turn ${wrong + 1} is of the ${messages[wrong]?.role} where one of the ${wanted(wrong)} is due.`;
}

function emptyTurn(turns: readonly Message[]): string | undefined {
  const empty = turns.find(({ content }) => isBlank(content));
  return empty && `A turn of the ${empty.role} is empty.`;
}

/** Null counts as empty text: optional columns are often written so. Halves of surrogate pairs, which UTF-8 cannot hold, are replaced. */
function asText(value: unknown): string | undefined {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value.toWellFormed();
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function missingColumn(column: string): RowError {
  const fix = "Give every row the mapped columns, or map other ones.";
  return { rule: "MISSING_COLUMN", column, message: `The row has no column "${column}".`, fix };
}

function notText(column: string): RowError {
  const fix = "Write plain text; an object can be written as JSON text.";
  return { rule: "NOT_TEXT", column, message: `The column "${column}" holds a list or an object.`, fix };
}

function emptyInstruction(column: string): RowError {
  const fix = "Write what the model is asked, or remove the row.";
  return { rule: "EMPTY_INSTRUCTION", column, message: `The column "${column}" is empty.`, fix };
}

function emptyOutput(column: string): RowError {
  const fix = "Write the wanted answer, or remove the row.";
  return { rule: "EMPTY_OUTPUT", column, message: `The answer in "${column}" is empty.`, fix };
}

function badMessages(column: string, message: string): RowError {
  const fix = 'Write turns such as {"role": "user", "content": "..."}, user and assistant by turns.';
  return { rule: "BAD_MESSAGES", column, message, fix };
}

function noAnswer(column: string, found: string): RowError {
  const fix = "Let an assistant turn answer the user.";
  return { rule: "NO_ANSWER", column, message: `${found}, so there is nothing to learn.`, fix };
}
