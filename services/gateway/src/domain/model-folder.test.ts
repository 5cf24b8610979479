import { expect, test } from "vitest";
import {
  chatTemplateOf,
  chooseModelFiles,
  contextLengthOf,
  countParameters,
  digestOfFiles,
  modelIdOf,
} from "./model-folder.ts";

test("weights are safetensors, pickles and strangers stay outside", () => {
  const names = [
    "config.json",
    "tokenizer.json",
    "model-00001-of-00002.safetensors",
    "pytorch_model.bin",
    "run.py",
    "chat_template.jinja",
  ];
  expect(chooseModelFiles(names)).toEqual({
    ok: true,
    value: ["chat_template.jinja", "config.json", "model-00001-of-00002.safetensors", "tokenizer.json"],
  });
  expect(chooseModelFiles(["config.json", "tokenizer.json", "pytorch_model.bin"])).toEqual({
    ok: false,
    error: "no_safetensors",
  });
  expect(chooseModelFiles(["config.json"])).toEqual({ ok: false, error: "no_tokenizer" });
});

test("the chat template of a tokenizer's configuration is one text, or the default of several", () => {
  const several = [
    { name: "tool_use", template: "t" },
    { name: "default", template: "d" },
  ];
  expect(chatTemplateOf({ chat_template: "one" })).toEqual({ ok: true, value: "one" });
  expect(chatTemplateOf({ chat_template: several })).toEqual({ ok: true, value: "d" });
  for (const chat_template of [undefined, null, "", [], several.slice(0, 1)])
    expect(chatTemplateOf({ chat_template })).toEqual({ ok: false, error: "no_chat_template" });
});

test("the context length stands under the names that model families use", () => {
  expect(contextLengthOf({ n_positions: 1024 })).toEqual({ ok: true, value: 1024 });
  expect(contextLengthOf({ max_position_embeddings: "2048" })).toEqual({
    ok: false,
    error: "no_context_length",
  });
});

test("parameters are counted from the header", () => {
  expect(
    countParameters({
      __metadata__: { format: "pt" },
      a: { shape: [2, 3] },
      b: { shape: [4] },
      scalar: { shape: [] },
    }),
  ).toBe(11n);
});

test("a folder's digest depends on its files and not on their order", () => {
  const files = [
    { name: "a", sha256: "1" },
    { name: "b", sha256: "2" },
  ];
  expect(digestOfFiles(files)).toBe(digestOfFiles(files.toReversed()));
  expect(digestOfFiles(files)).not.toBe(
    digestOfFiles([
      { name: "a", sha256: "2" },
      { name: "b", sha256: "1" },
    ]),
  );
});

test("an id is made from the display name", () => {
  expect(modelIdOf("SmolLM2 135M Instruct")).toBe("smollm2-135m-instruct");
});
