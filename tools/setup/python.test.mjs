import { expect, test } from "vitest";
import { parsePipConfigList, translatePipSettings, usesOtherIndex } from "./python.mjs";
import { wheelSizes } from "./wheel-sizes.mjs";

test("pip's settings reach uv, the environment before the files", () => {
  const pip = parsePipConfigList(
    [
      ":env:.cert='/certs/own.pem'",
      "global.index-url='https://mirror.example/simple'",
      "install.index-url='https://other.example/simple'",
      "global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'",
      "global.cert='/certs/system.pem'",
      "list.format='columns'",
    ].join("\n"),
  );
  expect(translatePipSettings(pip)).toEqual({
    UV_DEFAULT_INDEX: "https://other.example/simple",
    UV_INDEX: "https://one.example/simple https://two.example/simple",
    UV_INDEX_STRATEGY: "unsafe-best-match",
    SSL_CERT_FILE: "/certs/own.pem",
  });
});

test("without settings uv keeps its own defaults", () => {
  expect(translatePipSettings(parsePipConfigList(""))).toEqual({});
  expect(usesOtherIndex({ SSL_CERT_FILE: "/certs/own.pem" })).toBe(false);
  expect(usesOtherIndex({ UV_DEFAULT_INDEX: "https://mirror.example/simple" })).toBe(true);
});

test("folders of wheels that do not exist are left out: uv would refuse them", () => {
  const settings = translatePipSettings({ "find-links": "/does/not/exist https://wheels.example/" });
  expect(settings).toEqual({ UV_FIND_LINKS: "https://wheels.example/" });
});

test("the download size counts one wheel per package, of this platform", () => {
  const lock = `
[[package]]
name = "torch"
wheels = [
    { url = "https://files.example/torch-2.15.0-cp311-cp311-macosx_14_0_arm64.whl", hash = "sha256:1", size = 70 },
    { url = "https://files.example/torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl", hash = "sha256:2", size = 500 },
    { url = "https://files.example/torch-2.15.0-cp312-cp312-manylinux_2_28_x86_64.whl", hash = "sha256:3", size = 501 },
]

[[package]]
name = "idna"
wheels = [
    { url = "https://files.example/idna-3.10-py3-none-any.whl", hash = "sha256:4", size = 7 },
]
`;
  expect([...wheelSizes(lock, "linux-x64", "cp311")]).toEqual([
    ["torch", 500],
    ["idna", 7],
  ]);
  expect([...wheelSizes(lock, "darwin-arm64", "cp311")]).toEqual([
    ["torch", 70],
    ["idna", 7],
  ]);
});
