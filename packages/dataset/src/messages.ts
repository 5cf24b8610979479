import { err, ok, type Result } from "@gradients/kernel";

export type Role = "system" | "user" | "assistant";

/** One turn of a conversation. */
export interface Message {
  readonly role: Role;
  readonly content: string;
}

/** Names that data sets in the wild give the three roles. */
const ROLES: ReadonlyMap<string, Role> = new Map([
  ["system", "system"],
  ["developer", "system"],
  ["user", "user"],
  ["human", "user"],
  ["assistant", "assistant"],
  ["gpt", "assistant"],
  ["chatgpt", "assistant"],
  ["model", "assistant"],
  ["bot", "assistant"],
]);

/**
 * A conversation in one form, from a list of turns (or the JSON text of one, as CSV has it) with role and content or from and value. An empty system turn is left out.
 * The error says what is wrong, in words.
 */
export function asMessages(value: unknown): Result<readonly Message[], string> {
  const turns = asList(value);
  if (!turns) return err("The column holds no list of turns.");
  const messages: Message[] = [];
  for (const [index, turn] of turns.entries()) {
    const message = asMessage(turn);
    if (!message.ok) return err(`Turn ${index + 1} ${message.error}.`);
    if (message.value.role !== "system" || !isBlank(message.value.content)) messages.push(message.value);
  }
  return messages.length === 0 ? err("The list of turns is empty.") : ok(messages);
}

function asMessage(turn: unknown): Result<Message, string> {
  if (typeof turn !== "object" || turn === null || Array.isArray(turn)) return err("is not an object");
  const { role, from, content, value } = turn as Readonly<Record<string, unknown>>;
  const name = role ?? from;
  if (typeof name !== "string") return err("has no role");
  const known = ROLES.get(name.trim().toLowerCase());
  if (!known) return err(`has the unknown role "${name.slice(0, 40)}"`);
  const text = content ?? value;
  if (typeof text !== "string") return err("has no text as its content");
  return ok({ role: known, content: text.toWellFormed() });
}

function asList(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (typeof value !== "string") return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined; // text that is no JSON is no list
  }
}

/** Nothing but white space and control characters, some of which count as white space for the engine. */
export function isBlank(text: string): boolean {
  return !/[^\s\p{Cc}]/u.test(text);
}
