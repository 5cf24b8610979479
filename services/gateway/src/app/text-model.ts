import type { ObjectStore } from "@gradients/objects";
import { Template } from "@huggingface/jinja";
import { Tokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { TemplateRefusal, type TextModel } from "../domain/dataset-check.ts";
import type { ChatMessage } from "../domain/row-messages.ts";
import type { Model } from "../store/models.ts";

/** The files of a model folder that say how it reads text. */
const tokenizerFiles = {
  tokenizer: "tokenizer.json",
  config: "tokenizer_config.json",
  template: "chat_template.jinja",
} as const;

type RegisteredModel = Pick<Model, "modelId" | "ref" | "contextLength">;

/** Reads a registered model's own tokenizer and chat template from the object store. */
export async function loadTextModel(objects: ObjectStore, model: RegisteredModel): Promise<TextModel> {
  const tokenizer = await readText(objects, model, tokenizerFiles.tokenizer);
  if (tokenizer === undefined)
    throw new Error(`The model ${model.modelId} has no ${tokenizerFiles.tokenizer}`);
  const config = (await readText(objects, model, tokenizerFiles.config)) ?? "{}";
  const template = await readText(objects, model, tokenizerFiles.template);
  return createTextModel({ tokenizer, config, template, contextLength: model.contextLength });
}

interface TextModelSource {
  /** Content of tokenizer.json. */
  readonly tokenizer: string;
  /** Content of tokenizer_config.json. */
  readonly config: string;
  /** Content of chat_template.jinja, where the template does not stand in the configuration. */
  readonly template: string | undefined;
  readonly contextLength: number;
}

export function createTextModel({
  tokenizer: tokenizerJson,
  config: configJson,
  template: ownTemplate,
  contextLength,
}: TextModelSource): TextModel {
  const config = tokenizerConfig.parse(JSON.parse(configJson));
  const tokenizer = new Tokenizer(z.looseObject({}).parse(JSON.parse(tokenizerJson)), config);
  const template = new Template(ownTemplate ?? defaultTemplate(config.chat_template) ?? FALLBACK_TEMPLATE);
  const tokens = specialTokens(config);
  return {
    contextLength,
    render: (messages) => render(template, tokens, messages),
    countTokens: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids.length,
  };
}

const tokenText = z.union([
  z.string(),
  z.looseObject({ content: z.string() }).transform(({ content }) => content),
]);

const tokenizerConfig = z.looseObject({
  chat_template: z
    .union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))])
    .nullish(),
  bos_token: tokenText.nullish(),
  eos_token: tokenText.nullish(),
  pad_token: tokenText.nullish(),
  unk_token: tokenText.nullish(),
});

type TokenizerConfig = z.output<typeof tokenizerConfig>;

/** ChatML, for base models that were never given a template. */
const FALLBACK_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}";

function defaultTemplate(template: TokenizerConfig["chat_template"]): string | undefined {
  if (typeof template === "string") return template;
  return template?.find(({ name }) => name === "default")?.template;
}

/** Templates name them as variables. */
function specialTokens({
  bos_token,
  eos_token,
  pad_token,
  unk_token,
}: TokenizerConfig): Readonly<Record<string, string>> {
  return {
    bos_token: bos_token ?? "",
    eos_token: eos_token ?? "",
    pad_token: pad_token ?? "",
    unk_token: unk_token ?? "",
  };
}

/** Templates refuse a conversation by raising; whatever they throw concerns this row only. */
function render(
  template: Template,
  tokens: Readonly<Record<string, string>>,
  messages: readonly ChatMessage[],
): string {
  try {
    return template.render({ ...tokens, messages, add_generation_prompt: false });
  } catch (cause) {
    throw new TemplateRefusal(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

async function readText(
  objects: ObjectStore,
  { ref }: RegisteredModel,
  name: string,
): Promise<string | undefined> {
  const object = ref.files.find((file) => file.name === name)?.object;
  if (!object) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of objects.get(object)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
