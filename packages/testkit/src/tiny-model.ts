import { Rng } from "@gradients/kernel";

/** Files of a random Llama of two blocks that speaks bytes: real enough for the whole engine, and a step takes milliseconds. */
export function tinyModel(): ReadonlyMap<string, Buffer> {
  return new Map([
    ["config.json", json(modelConfig)],
    ["generation_config.json", json({ bos_token_id: 256, eos_token_id: 257, pad_token_id: 257 })],
    ["model.safetensors", safetensors(weights())],
    ["tokenizer.json", json(tinyTokenizer())],
    ["tokenizer_config.json", json(tokenizerConfig)],
    ["chat_template.jinja", Buffer.from(chatTemplate)],
  ]);
}

const SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"];
const VOCABULARY = 256 + SPECIAL.length;
const HIDDEN = 32;
const INNER = 64;
const BLOCKS = 2;
const KEY_WIDTH = 16;

const modelConfig = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: HIDDEN,
  intermediate_size: INNER,
  num_hidden_layers: BLOCKS,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: KEY_WIDTH,
  hidden_act: "silu",
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  attention_bias: false,
  mlp_bias: false,
  vocab_size: VOCABULARY,
  bos_token_id: 256,
  eos_token_id: 257,
  pad_token_id: 257,
  dtype: "float32",
};

const tokenizerConfig = {
  tokenizer_class: "PreTrainedTokenizerFast",
  bos_token: "<|im_start|>",
  eos_token: "<|im_end|>",
  pad_token: "<|im_end|>",
  unk_token: "<|endoftext|>",
  model_max_length: 512,
};

const chatTemplate =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

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

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

function weights(): readonly Tensor[] {
  const rng = new Rng("tiny-model");
  const random = (name: string, ...shape: number[]): Tensor => {
    const values = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      () => (rng.float() - 0.5) * 0.2,
    );
    return { name, shape, values };
  };
  const ones = (name: string): Tensor => ({
    name,
    shape: [HIDDEN],
    values: new Float32Array(HIDDEN).fill(1),
  });
  const blocks = Array.from({ length: BLOCKS }, (_, index) => {
    const prefix = `model.layers.${index}`;
    return [
      ones(`${prefix}.input_layernorm.weight`),
      random(`${prefix}.self_attn.q_proj.weight`, HIDDEN, HIDDEN),
      random(`${prefix}.self_attn.k_proj.weight`, KEY_WIDTH, HIDDEN),
      random(`${prefix}.self_attn.v_proj.weight`, KEY_WIDTH, HIDDEN),
      random(`${prefix}.self_attn.o_proj.weight`, HIDDEN, HIDDEN),
      ones(`${prefix}.post_attention_layernorm.weight`),
      random(`${prefix}.mlp.gate_proj.weight`, INNER, HIDDEN),
      random(`${prefix}.mlp.up_proj.weight`, INNER, HIDDEN),
      random(`${prefix}.mlp.down_proj.weight`, HIDDEN, INNER),
    ];
  });
  return [
    random("model.embed_tokens.weight", VOCABULARY, HIDDEN),
    ...blocks.flat(),
    ones("model.norm.weight"),
  ];
}

/** Eight bytes of header length, a JSON header with name, type, shape and place of each tensor, then the bytes. */
export function safetensors(tensors: readonly Tensor[]): Buffer {
  let end = 0;
  const entries = tensors.map(({ name, shape, values }) => {
    const start = end;
    end += values.byteLength;
    return [name, { dtype: "F32", shape, data_offsets: [start, end] }] as const;
  });
  const header = json({ __metadata__: { format: "pt" }, ...Object.fromEntries(entries) });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.byteLength));
  return Buffer.concat([length, header, ...tensors.map(({ values }) => Buffer.from(values.buffer))]);
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
