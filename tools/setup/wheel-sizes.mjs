// How much uv will download, read from the sizes in uv.lock, so that progress has a total.
import { readFileSync } from "node:fs";

const platforms = {
  "linux-x64": /any|manylinux\S*x86_64/,
  "linux-arm64": /any|manylinux\S*aarch64/,
  "darwin-arm64": /any|macosx\S*(arm64|universal2)/,
};

/** Bytes per locked package name for this platform, from `uv.lock` text. Close, not exact: it does not evaluate markers. */
export function wheelSizes(lockText, platform, pythonTag) {
  const fits = (file) =>
    platforms[platform]?.test(file) &&
    /-(py3|py2\.py3|cp3\d+)-/.test(file) &&
    (file.includes(`-${pythonTag}-`) || /-(py3|py2\.py3)-|abi3/.test(file));
  const sizes = new Map();
  for (const block of lockText.split("[[package]]")) {
    const name = /^name = "(.+)"/m.exec(block)?.[1];
    const wheels = [...block.matchAll(/\/([^/"]+\.whl)".*?size = (\d+)/g)].filter(([, file]) => fits(file));
    if (name !== undefined && wheels.length > 0) sizes.set(name, Number(wheels[0][2]));
  }
  return sizes;
}

export function readWheelSizes(lockFile, platform, pythonTag) {
  return wheelSizes(readFileSync(lockFile, "utf8"), platform, pythonTag);
}
