/** Field of a composite or of a variant; a name of null makes it positional. */
export type Fields = Readonly<Record<string, string>> | readonly string[];

export interface VariantDefinition {
  readonly name: string;
  readonly index: number;
  readonly fields?: Fields;
}

/**
 * The portable type registry of metadata, filled by need. Types are written as Rust does ("Vec<(u16, u16)>", "Compact<u64>", "[u8; 32]");
 * composites and variants are declared once under a short name and used by that name.
 */
export class TypeTable {
  readonly #types: object[] = [];
  readonly #ids = new Map<string, number>();

  /** The id of a type expression; what it is made of is registered on the way. */
  id(expression: string): number {
    const text = expression.trim();
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#add(text, this.#definitionOf(text));
    return id;
  }

  declareComposite(
    name: string,
    path: string,
    fields: Fields,
    parameters: Readonly<Record<string, string>> = {},
  ): number {
    return this.#declare(name, path, () => ({ Composite: { fields: this.#fields(fields) } }), parameters);
  }

  declareVariant(
    name: string,
    path: string,
    variants: readonly VariantDefinition[],
    parameters: Readonly<Record<string, string>> = {},
  ): number {
    const toVariant = ({ name: variantName, index, fields }: VariantDefinition) => ({
      name: variantName,
      index,
      fields: this.#fields(fields ?? []),
      docs: [],
    });
    return this.#declare(name, path, () => ({ Variant: { variants: variants.map(toVariant) } }), parameters);
  }

  /** As `PortableRegistry` is created from. */
  toPortable(): { readonly types: readonly { readonly id: number; readonly type: object }[] } {
    return { types: this.#types.map((type, id) => ({ id, type })) };
  }

  #declare(
    name: string,
    path: string,
    definition: () => object,
    parameters: Readonly<Record<string, string>>,
  ): number {
    const id = this.#types.push({}) - 1;
    this.#ids.set(name, id);
    const params = Object.entries(parameters).map(([parameter, type]) => ({
      name: parameter,
      type: type ? this.id(type) : null,
    }));
    this.#types[id] = { path: path.split("::"), params, def: definition(), docs: [] };
    return id;
  }

  #add(text: string, def: object): number {
    const id = this.#types.push({ path: [], params: [], def, docs: [] }) - 1;
    this.#ids.set(text, id);
    return id;
  }

  #definitionOf(text: string): object {
    const primitive = PRIMITIVES.get(text);
    if (primitive) return { Primitive: primitive };
    const wrapped = /^(Vec|Compact)<(.+)>$/.exec(text);
    if (wrapped?.[1] && wrapped[2])
      return { [wrapped[1] === "Vec" ? "Sequence" : "Compact"]: { type: this.id(wrapped[2]) } };
    const array = /^\[(.+); (\d+)\]$/.exec(text);
    if (array?.[1]) return { Array: { len: Number(array[2]), type: this.id(array[1]) } };
    if (text.startsWith("(") && text.endsWith(")"))
      return { Tuple: splitTopLevel(text.slice(1, -1)).map((item) => this.id(item)) };
    throw new Error(`Unknown type in metadata: ${text}`);
  }

  #fields(fields: Fields): object[] {
    const entries = isPositional(fields)
      ? fields.map((type) => [null, type] as const)
      : Object.entries(fields);
    return entries.map(([name, type]) => ({ name, type: this.id(type), typeName: type, docs: [] }));
  }
}

const PRIMITIVES = new Map([
  ["bool", "Bool"],
  ["str", "Str"],
  ...["u8", "u16", "u32", "u64", "u128", "i64", "i128"].map((name) => [name, name.toUpperCase()] as const),
]);

function isPositional(fields: Fields): fields is readonly string[] {
  return Array.isArray(fields);
}

function splitTopLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = "";
  for (const character of text) {
    if ("(<[".includes(character)) depth++;
    if (")>]".includes(character)) depth--;
    if (character === "," && depth === 0) {
      parts.push(current);
      current = "";
    } else current += character;
  }
  return current.trim() ? [...parts, current] : parts;
}
