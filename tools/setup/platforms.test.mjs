// What the lock files hold must install on every platform that the README names, so that an update cannot break one unnoticed.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { paths } from "./paths.mjs";

const platforms = [
  { name: "Linux x64", os: "linux", cpu: "x64", machine: "x86_64", wheel: /^manylinux.*_x86_64$/ },
  { name: "Linux arm64", os: "linux", cpu: "arm64", machine: "aarch64", wheel: /^manylinux.*_aarch64$/ },
  {
    name: "macOS arm64",
    os: "darwin",
    cpu: "arm64",
    machine: "arm64",
    wheel: /^macosx_.*_(arm64|universal2)$/,
  },
];
const pythons = [11, 12, 13, 14];

describe.each(platforms)("on $name", (platform) => {
  test.each(pythons)("every Python package has a wheel for 3.%i", (minor) => {
    const needed = neededPackages(readPythonLock(), platform, minor);
    expect(needed.length).toBeGreaterThan(30);
    expect(needed.filter(({ wheels }) => !wheels.some((wheel) => fits(wheel, platform, minor)))).toEqual([]);
  });

  test("every npm package with programs of its own has them", () => {
    const families = readNpmFamilies();
    expect(families.length).toBeGreaterThan(8);
    expect(families.filter((family) => !family.has(platform)).map(({ name }) => name)).toEqual([]);
  });
});

test("a wheel fits its own platform and Python alone", () => {
  const [, arm, mac] = platforms;
  expect(fits("a-1-cp311-abi3-manylinux_2_28_aarch64.whl", arm, 14)).toBe(true);
  expect(fits("a-1-cp314-cp314t-manylinux_2_28_aarch64.whl", arm, 14)).toBe(false);
  expect(fits("a-1-cp313-cp313-macosx_11_0_arm64.whl", mac, 12)).toBe(false);
  expect(fits("a-1-py2.py3-none-any.whl", mac, 12)).toBe(true);
  expect([11, 12, 13].map((minor) => fits("a-1-py312-none-any.whl", mac, minor))).toEqual([
    false,
    true,
    true,
  ]);
});

/** `name`, `version`, dependencies with their markers and names of wheels, of every package that uv has locked. */
function readPythonLock() {
  const text = readFileSync(join(paths.engine, "uv.lock"), "utf8");
  return text.split("[[package]]\n").slice(1).map(readPackage);
}

function readPackage(block) {
  const [own] = block.split("[package.metadata]");
  const edges = own.split("\n").filter((line) => line.startsWith("    { name = "));
  return {
    name: field(own, "name"),
    version: field(own, "version"),
    isRoot: own.includes("source = { virtual"),
    dependencies: edges.map((edge) => ({
      name: field(edge, "name"),
      version: field(edge, "version"),
      marker: field(edge, "marker"),
    })),
    wheels: [...own.matchAll(/\/([^/"]+\.whl)"/g)].map(([, file]) => file),
  };
}

function field(text, name) {
  return new RegExp(`\\b${name} = "([^"]*)"`).exec(text)?.[1];
}

/** The packages that uv installs there, but for the engine itself. */
function neededPackages(packages, platform, minor) {
  const found = new Set(packages.filter(({ isRoot }) => isRoot));
  for (const { dependencies } of found) {
    for (const { name, version, marker } of dependencies) {
      if (marker !== undefined && !holds(marker, platform, minor)) continue;
      const wanted = packages.filter(
        (other) => other.name === name && (!version || other.version === version),
      );
      for (const dependency of wanted) found.add(dependency);
    }
  }
  return [...found].filter(({ isRoot }) => !isRoot);
}

/** Markers in uv's lock are `and` and `or` of comparisons. */
function holds(marker, platform, minor) {
  const facts = {
    sys_platform: platform.os,
    platform_machine: platform.machine,
    platform_python_implementation: "CPython",
    python_full_version: minor,
  };
  return marker.split(" or ").some((all) => all.split(" and ").every((atom) => compare(atom, facts)));
}

function compare(atom, facts) {
  const [, name, operator, text] = /^(\w+) (==|!=|<|>=) '([^']*)'$/.exec(atom) ?? [];
  if (!(name in facts)) throw new Error(`The marker "${atom}" is not understood`);
  const [fact, value] = [facts[name], name === "python_full_version" ? Number(text.split(".")[1]) : text];
  if (operator === "==") return fact === value;
  if (operator === "!=") return fact !== value;
  return operator === "<" ? fact < value : fact >= value;
}

/** By the tags at the end of the file's name: Python, ABI, platform. */
function fits(wheel, platform, minor) {
  const [pythonTags, abiTags, platformTags] = wheel
    .replace(/\.whl$/, "")
    .split("-")
    .slice(-3);
  const forPlatform = platformTags.split(".").some((tag) => tag === "any" || platform.wheel.test(tag));
  return forPlatform && pythonTags.split(".").some((tag) => fitsPython(tag, abiTags.split("."), minor));
}

function fitsPython(tag, abis, minor) {
  if (tag === "py3") return true;
  const plain = /^py3(\d+)$/.exec(tag)?.[1];
  if (plain !== undefined) return Number(plain) <= minor;
  const oldest = Number(/^cp3(\d+)$/.exec(tag)?.[1]);
  if (abis.includes("abi3")) return oldest <= minor;
  return oldest === minor && (abis.includes(`cp3${minor}`) || abis.includes("none"));
}

/** Packages that bring a program for each platform as optional dependencies, by the part of their names that they share. */
function readNpmFamilies() {
  const { packages } = JSON.parse(readFileSync(join(paths.repositoryRoot, "package-lock.json"), "utf8"));
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) => {
    const members = Object.keys(optionalDependencies).filter((name) => /linux|darwin/.test(name));
    const families = Map.groupBy(members, (name) => name.split(/linux|darwin/)[0]);
    return [...families].map(([family, names]) => ({
      name: family,
      has: (platform) =>
        isFromPyPi(family, platform) || names.some((name) => serves(find(packages, path, name), platform)),
    }));
  });
}

/** A Mac gets Node from PyPI. */
function isFromPyPi(family, { os }) {
  return family === "node-" && os === "darwin";
}

function find(packages, parent, name) {
  return packages[`${parent}/node_modules/${name}`] ?? packages[`node_modules/${name}`];
}

/** npm sometimes writes a lock without the packages of other platforms: then there is no entry. */
function serves(entry, { os, cpu }) {
  const list = (value) => [value].flat();
  if (!entry || !list(entry.os).includes(os) || !list(entry.cpu).includes(cpu)) return false;
  return entry.libc === undefined || entry.libc.includes("glibc");
}
