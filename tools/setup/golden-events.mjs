// `npm run golden -w packages/contracts`: for each event without one, a sample message with every field set,
// as bytes
// (<Event>.1.bin) and as ProtoJSON (<Event>.1.json). They are committed: these bytes must decode to this JSON
// for ever.
// Existing files are never written again. An event that has gained fields gets the next number.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  create,
  createFileRegistry,
  fromBinary,
  hasOption,
  ScalarType,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const contracts = join(dirname(fileURLToPath(import.meta.url)), "../../packages/contracts");
const golden = join(contracts, "golden");
const MAX_DEPTH = 6;

const registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(join(contracts, "src/gen/descriptors.binpb"))),
);
const option = registry.getExtension("gradients.common.v1.event");
const events = [...registry].filter((type) => type.kind === "message" && hasOption(type, option));

mkdirSync(golden, { recursive: true });
for (const event of events) writeGolden(event);

function writeGolden(event) {
  const sample = sampleOf(event, 0);
  const json = `${toJsonString(event, sample, { prettySpaces: 2, registry })}\n`;
  const number = newestNumber(event);
  if (number > 0 && readFileSync(join(golden, `${event.name}.${number}.json`), "utf8") === json) return;
  const name = `${event.name}.${number + 1}`;
  writeFileSync(join(golden, `${name}.json`), json, { flag: "wx" });
  writeFileSync(join(golden, `${name}.bin`), toBinary(event, sample), { flag: "wx" });
  console.log(`wrote golden/${name}.bin`);
}

function newestNumber(event) {
  const numbers = readdirSync(golden)
    .map((file) => file.split("."))
    .filter(([name, , ending]) => name === event.name && ending === "bin")
    .map(([, number]) => Number(number));
  return Math.max(0, ...numbers);
}

/**
 * The same message every time: values depend on names and numbers only. Of a oneof the first member is set.
 */
function sampleOf(desc, depth) {
  const message = create(desc);
  const reflected = reflect(desc, message);
  for (const field of desc.fields) {
    if (field.oneof && field.oneof.fields[0] !== field) continue;
    if (field.message && depth >= MAX_DEPTH) continue;
    setSample(reflected, field, depth);
  }
  return message;
}

function setSample(message, field, depth) {
  if (field.fieldKind === "list") {
    for (const index of [0, 1]) message.get(field).add(valueOf(field, field.scalar, index, depth));
  } else if (field.fieldKind === "map") {
    message.get(field).set(scalarOf(field, field.mapKey, 0), valueOf(field, field.scalar, 0, depth));
  } else {
    message.set(field, valueOf(field, field.scalar, 0, depth));
  }
}

function valueOf(field, scalar, index, depth) {
  if (field.message) return reflect(field.message, sampleOf(field.message, depth + 1));
  if (field.enum) return field.enum.values.at(-1).number;
  return scalarOf(field, scalar, index);
}

function scalarOf(field, scalar, index) {
  switch (scalar) {
    case ScalarType.STRING:
      return `${field.name} ${index} é`;
    case ScalarType.BYTES:
      return new Uint8Array([field.number, index, 255]);
    case ScalarType.BOOL:
      return true;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return field.number + index + 0.5;
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return sample64(field, index);
    default:
      return 100_000 * field.number + index;
  }
}

/** Beyond 2^53, where a detour over a double would show; times stay within what a Timestamp may hold. */
function sample64(field, index) {
  if (field.parent.typeName.startsWith("google.protobuf.")) return 1_700_000_000n + BigInt(index);
  return 9_007_199_254_740_993n + BigInt(field.number + index);
}
