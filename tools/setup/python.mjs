// The machine's Python, and pip's settings translated for uv: a mirror that pip knows must serve uv too.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { paths } from "./paths.mjs";
import { SetupProblem } from "./problem.mjs";
import { ask, machineEnvironment } from "./tools.mjs";

const oldest = [3, 11];
/** Newer than this may lack wheels: taken only when nothing else is there. */
const newestProven = [3, 14];
const candidates = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];

/** Path of a Python >= 3.11 that can make virtual environments. */
export function findPython() {
  const found = candidates.map(inspect).filter((python) => python !== undefined);
  const recent = found.filter(({ version }) => compare(version, oldest) >= 0);
  if (recent.length === 0) {
    const seen = found[0] === undefined ? "none was found" : `found ${found[0].version.join(".")}`;
    throw new SetupProblem(
      `Python 3.11 or newer is needed and ${seen}: install it (for example \`apt install python3 python3-venv\` or \`brew install python@3.12\`), then run the same command again.`,
    );
  }
  const complete = recent.filter(({ hasVenv }) => hasVenv);
  if (complete.length === 0)
    throw new SetupProblem(
      `Python ${recent[0].version.join(".")} is here without its venv module: install it (for example \`apt install python3-venv\`), then run the same command again.`,
    );
  return (complete.find(({ version }) => compare(version, newestProven) <= 0) ?? complete[0]).path;
}

function inspect(name) {
  const question =
    "import sys; from importlib.util import find_spec as f; print(sys.executable, sys.version_info[0], sys.version_info[1], f('venv') is not None and f('ensurepip') is not None, sep='\\n')";
  const answer = ask(name, ["-c", question], { env: machineEnvironment() });
  if (answer === undefined) return undefined;
  const [path, major, minor, hasVenv] = answer.split("\n");
  return { path, version: [Number(major), Number(minor)], hasVenv: hasVenv === "True" };
}

function compare([major, minor], [otherMajor, otherMinor]) {
  return major - otherMajor || minor - otherMinor;
}

/** Environment for uv. UV_* variables that the user has set win over pip's settings. */
export function uvEnvironment(python) {
  return {
    UV_HTTP_TIMEOUT: "180",
    ...translatePipSettings(readPipSettings()),
    ...machineEnvironment(),
    UV_PYTHON: python,
    UV_PYTHON_DOWNLOADS: "never",
    VIRTUAL_ENV: undefined,
  };
}

/** Exported for its test. Keys are pip's option names. */
export function translatePipSettings(pip) {
  const list = (value) => value?.split(/\s+/).filter(Boolean) ?? [];
  const extra = list(pip["extra-index-url"]);
  const links = list(pip["find-links"]).filter((link) => link.includes("://") || existsSync(link));
  const proxy = pip.proxy;
  return dropEmpty({
    UV_DEFAULT_INDEX: pip["index-url"],
    UV_INDEX: extra.join(" "),
    UV_INDEX_STRATEGY: extra.length > 0 ? "unsafe-best-match" : undefined,
    UV_FIND_LINKS: links.join(","),
    UV_NO_INDEX: pip["no-index"],
    UV_INSECURE_HOST: list(pip["trusted-host"]).join(" "),
    UV_HTTP_TIMEOUT: pip.timeout ?? pip["default-timeout"],
    SSL_CERT_FILE: pip.cert,
    SSL_CLIENT_CERT: pip["client-cert"],
    HTTPS_PROXY: proxy,
    HTTP_PROXY: proxy,
  });
}

function dropEmpty(record) {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined && value !== ""),
  );
}

/** The more special place wins: environment over [install] over [global]. */
function readPipSettings() {
  const listing = ask(join(paths.uvTool, "bin/python"), ["-m", "pip", "config", "list"]) ?? "";
  return parsePipConfigList(listing);
}

/** Exported for its test. A line of `pip config list` reads `global.index-url='https://...'`, quoted as Python quotes. */
export function parsePipConfigList(listing) {
  const settings = {};
  const lines = [...listing.matchAll(/^(global|install|:env:)\.([a-z-]+)=(['"])(.*)\3$/gm)];
  for (const section of ["global", "install", ":env:"]) {
    for (const [, place, key, , value] of lines) if (place === section) settings[key] = unquote(value);
  }
  return settings;
}

function unquote(text) {
  return text.replace(/\\(.)/g, (_, character) => (character === "n" ? "\n" : character)).trim();
}

/** uv's frozen install takes files from the addresses in the lock; with another index it must resolve the same hashes there. */
export function usesOtherIndex(environment) {
  return ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_NO_INDEX"].some(
    (name) => environment[name] !== undefined,
  );
}
