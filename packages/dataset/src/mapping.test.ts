import { describe, expect, it } from "vitest";
import { classifyRow } from "./classify-row.ts";
import { detectMapping, type Mapping, missingColumns } from "./mapping.ts";
import { rowText } from "./row-text.ts";

const instruct: Mapping = { kind: "instruct", instruction: "q", output: "a", input: "ctx", system: "sys" };
const chat: Mapping = { kind: "chat", messages: "messages" };

describe("detectMapping", () => {
  it.each([
    [
      ["instruction", "input", "output"],
      { kind: "instruct", instruction: "instruction", input: "input", output: "output" },
    ],
    [["prompt", "completion"], { kind: "instruct", instruction: "prompt", output: "completion" }],
    [["Question", "Answer", "id"], { kind: "instruct", instruction: "Question", output: "Answer" }],
    [
      ["instruction", "context", "response", "category"],
      { kind: "instruct", instruction: "instruction", input: "context", output: "response" },
    ],
    [["input", "output"], { kind: "instruct", instruction: "input", output: "output" }],
    [
      ["system", "prompt", "response"],
      { kind: "instruct", instruction: "prompt", output: "response", system: "system" },
    ],
    [["conversations"], { kind: "chat", messages: "conversations" }],
    [["text"], undefined],
    [["instruction"], undefined],
  ])("finds the mapping of %j", (columns, mapping) => {
    expect(detectMapping(columns)).toEqual(mapping);
  });

  it("takes a column of messages only when its values are lists", () => {
    const columns = ["messages", "prompt", "response"];
    expect(detectMapping(columns, { messages: 7 })).toMatchObject({ kind: "instruct" });
    expect(detectMapping(columns, { messages: [] })).toMatchObject({ kind: "chat" });
    expect(detectMapping(columns, { messages: '[{"role":"user"}]' })).toMatchObject({ kind: "chat" });
  });

  it("names mapped columns that are missing", () => {
    expect(missingColumns(instruct, ["q", "ctx"])).toEqual(["sys", "a"]);
  });
});

describe("classifyRow", () => {
  it.each([
    [{ q: "x", ctx: "", a: "y", sys: null }, "ok"],
    [{ q: "x", ctx: 7, a: 5, other: [1] }, "ok"],
    [{ q: "", ctx: "x", a: "y" }, "EMPTY_INSTRUCTION"],
    [{ q: "x" }, "MISSING_COLUMN"],
    [{ q: "x", a: { b: 1 } }, "NOT_TEXT"],
    [{ q: " ", a: "y" }, "EMPTY_INSTRUCTION"],
    [{ q: "x", a: "\n" }, "EMPTY_OUTPUT"],
    [{ q: "x", a: null }, "EMPTY_OUTPUT"],
  ])("judges the instruct row %j as %s", (row, rule) => {
    expect(verdict(row, instruct)).toBe(rule);
  });

  const user = { role: "user", content: "hi" };
  const assistant = { from: "gpt", value: "hello" };
  it.each([
    [[user, assistant], "ok"],
    [JSON.stringify([user, assistant]), "ok"],
    [[{ role: "Developer", content: "be brief" }, user, assistant, user], "ok"],
    ["text", "BAD_MESSAGES"],
    [[], "BAD_MESSAGES"],
    [[user, "hello"], "BAD_MESSAGES"],
    [[{ content: "hi" }, assistant], "BAD_MESSAGES"],
    [[{ role: "tool", content: "hi" }, assistant], "BAD_MESSAGES"],
    [[{ role: "user", content: null }, assistant], "BAD_MESSAGES"],
    [[user, { role: "assistant", content: " " }], "BAD_MESSAGES"],
    [[user, user, assistant], "BAD_MESSAGES"],
    [[user, assistant, { role: "system", content: "s" }], "BAD_MESSAGES"],
    [[{ role: "system", content: "s" }, assistant], "BAD_MESSAGES"],
    [[user], "NO_ANSWER"],
  ])("judges the chat row %j as %s", (messages, rule) => {
    expect(verdict({ messages }, chat)).toBe(rule);
  });

  it("gives back the row as the engine takes it", () => {
    expect(classifyRow({ q: 1, a: true, ctx: null, id: 9 }, instruct)).toEqual({
      ok: true,
      value: { q: "1", a: "true", ctx: "", id: 9 },
    });
    const messages = JSON.stringify([
      { from: "system", value: "" },
      { role: "Human", content: "hi", weight: 1 },
      assistant,
    ]);
    expect(classifyRow({ messages, id: 1 }, chat)).toEqual({
      ok: true,
      value: { messages: [user, { role: "assistant", content: "hello" }], id: 1 },
    });
    expect(classifyRow({ q: "half \ud800 pair", a: "b" }, instruct)).toMatchObject({
      value: { q: "half \ufffd pair" },
    });
  });
});

describe("rowText", () => {
  it("separates what is asked from what is answered", () => {
    expect(rowText({ q: "q", ctx: "c", a: "a", sys: "" }, instruct)).toEqual({ prompt: "q\nc", answer: "a" });
    const turns = [
      { role: "system", content: "s" },
      { from: "human", value: "u1" },
      { from: "gpt", value: "a1" },
      { role: "user", content: "u2" },
      { role: "assistant", content: "a2" },
    ];
    expect(rowText({ messages: turns }, chat)).toEqual({ prompt: "s\nu1\nu2", answer: "a1\na2" });
  });
});

function verdict(row: Record<string, unknown>, mapping: Mapping): string {
  const result = classifyRow(row, mapping);
  return result.ok ? "ok" : result.error.rule;
}
