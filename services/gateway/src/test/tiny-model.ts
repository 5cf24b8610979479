import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { safetensors, tinyModel } from "@gradients/testkit";

const CONTEXT_LENGTH = 256;

/** A model folder whose tokenizer speaks bytes: one token for each byte of text, one for each special token. Its weights are two small tensors. */
export async function writeTinyModel(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files: ReadonlyMap<string, Buffer> = new Map([
    ...tinyModel(),
    ["config.json", json({ model_type: "llama", max_position_embeddings: CONTEXT_LENGTH })],
    ["chat_template.jinja", Buffer.from(CHAT_TEMPLATE)],
    ["model.safetensors", safetensors(weights)],
    ["README.md", Buffer.from("Not part of the model.")],
  ]);
  for (const [name, content] of files) await writeFile(join(folder, name), content);
}

const weights = [
  { name: "a", shape: [2, 3], values: new Float32Array(6) },
  { name: "b", shape: [4], values: new Float32Array(4) },
];

/** Refuses a conversation that contains the word "forbidden", as real templates refuse some orders of turns. */
const CHAT_TEMPLATE =
  "{% for message in messages %}{% if 'forbidden' in message['content'] %}{{ raise_exception('no such talk') }}{% endif %}" +
  "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}";

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
