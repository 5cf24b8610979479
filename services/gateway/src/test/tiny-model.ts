import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const CONTEXT_LENGTH = 256;

const SPECIAL = ["<|im_start|>", "<|im_end|>"];

/** A model folder whose tokenizer speaks bytes: one token for each byte of text, one for each special token. Its weights are two small tensors. */
export async function writeTinyModel(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files: Readonly<Record<string, Buffer>> = {
    "config.json": json({ model_type: "llama", max_position_embeddings: CONTEXT_LENGTH }),
    "tokenizer.json": json(tinyTokenizer()),
    "tokenizer_config.json": json({ bos_token: "<|im_start|>", eos_token: "<|im_end|>" }),
    "chat_template.jinja": Buffer.from(CHAT_TEMPLATE),
    "model.safetensors": safetensors({ a: [2, 3], b: [4] }),
    "README.md": Buffer.from("Not part of the model."),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
}

/** Refuses a conversation that contains the word "forbidden", as real templates refuse some orders of turns. */
const CHAT_TEMPLATE =
  "{% for message in messages %}{% if 'forbidden' in message['content'] %}{{ raise_exception('no such talk') }}{% endif %}" +
  "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}";

/** Speaks bytes: one token for each, and one for each special token. */
export function tinyTokenizer(): object {
  const vocab = Object.fromEntries([...byteAlphabet(), ...SPECIAL].map((token, id) => [token, id]));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, index) => ({ id: 256 + index, content, ...flags })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: [],
    },
  };
}

/** How byte-level tokenizers write bytes: printable ones as they are, the others from U+0100 on. */
function byteAlphabet(): readonly string[] {
  const isPrintable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
}

function safetensors(shapes: Readonly<Record<string, readonly number[]>>): Buffer {
  let end = 0;
  const header = Object.entries(shapes).map(([name, shape]) => {
    const start = end;
    end += 4 * shape.reduce((a, b) => a * b, 1);
    return [name, { dtype: "F32", shape, data_offsets: [start, end] }] as const;
  });
  const text = json({ __metadata__: { format: "pt" }, ...Object.fromEntries(header) });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.byteLength));
  return Buffer.concat([length, text, Buffer.alloc(end)]);
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
