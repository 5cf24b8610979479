import { tinyTokenizer } from "@gradients/testkit";
import { expect, test } from "vitest";
import { TemplateRefusal } from "../domain/dataset-check.ts";
import { createTextModel } from "./text-model.ts";

const talk = [
  { role: "user", content: "hi" },
  { role: "assistant", content: "ho" },
];
const modelWith = (config: object, template?: string) =>
  createTextModel({
    tokenizer: JSON.stringify(tinyTokenizer()),
    config: JSON.stringify(config),
    template,
    contextLength: 100,
  });

test("the template stands in its own file, in the configuration, or in a list under the name default", () => {
  const template = "{{ bos_token }}{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}";
  const rendered = "<s>user=hi;assistant=ho;";
  expect(modelWith({ bos_token: "<s>" }, template).render(talk)).toBe(rendered);
  expect(modelWith({ bos_token: { content: "<s>" }, chat_template: template }).render(talk)).toBe(rendered);
  const list = [
    { name: "tools", template: "x" },
    { name: "default", template },
  ];
  expect(modelWith({ bos_token: "<s>", chat_template: list }).render(talk)).toBe(rendered);
});

test("a model without a template is read as ChatML", () => {
  expect(modelWith({}).render(talk)).toBe(
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nho<|im_end|>\n",
  );
});

test("a template that refuses a conversation says why", () => {
  const model = modelWith({}, "{{ raise_exception('Roles must alternate') }}");
  expect(() => model.render(talk)).toThrow(TemplateRefusal);
  expect(() => model.render(talk)).toThrow("Roles must alternate");
});

test("tokens are counted by the tokenizer alone, special ones in the text as one", () => {
  expect(modelWith({}).countTokens("<|im_start|>höher<|im_end|>")).toBe(8);
});
