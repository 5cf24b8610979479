import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { repositoryRoot } from "../../setup/paths.mjs";
import { type Content, versionOf } from "./content.ts";
import { natsContent, postgresContent, seaweedfsContent } from "./development-servers.ts";
import { folders, inWorkFolder } from "./folders.ts";
import { type Layer, packLayer } from "./layer.ts";
import { type Archive, type ImageConfig, writeArchive } from "./oci.ts";
import type { Device } from "./python-packages.ts";
import { bomOf } from "./sbom.ts";
import { servicesContent } from "./services-image.ts";
import { attackerContent, contestantContent, trainerContent } from "./trainer-image.ts";

export const imageNames = ["services", "trainer", "contestant", "attacker"] as const;
/** What `values-dev.yaml` brings up beside them. */
export const developmentServerNames = ["postgres", "nats", "seaweedfs"] as const;
export type ImageName = (typeof imageNames)[number] | (typeof developmentServerNames)[number];

export interface BuiltImage extends Archive {
  readonly name: ImageName;
  readonly repository: string;
  readonly layers: readonly Layer[];
  readonly config: ImageConfig;
}

const contents: Readonly<Record<ImageName, (device: Device) => Promise<Content>>> = {
  services: servicesContent,
  trainer: trainerContent,
  contestant: contestantContent,
  attacker: attackerContent,
  postgres: postgresContent,
  nats: natsContent,
  seaweedfs: seaweedfsContent,
};

/** What differs for GPUs has a name of its own, so that neither takes the other's place. */
export function variantOf(name: ImageName, device: Device): string {
  return device === "gpu" && (name === "trainer" || name === "contestant") ? `${name}-cuda` : name;
}

/** Leaves NAME.tar, NAME.digest (the reference by which pods name it) and NAME.cdx.json (its bill of materials). */
export function buildImage(name: ImageName, device: Device): Promise<BuiltImage> {
  return inWorkFolder(() => build(name, device));
}

async function build(name: ImageName, device: Device): Promise<BuiltImage> {
  const { layers, components, config } = await contents[name](device);
  const variant = variantOf(name, device);
  const repository = `localhost/gradients/${variant}`;
  const labels = {
    "org.opencontainers.image.title": `gradients ${variant}`,
    "org.opencontainers.image.version": versionOf(join(repositoryRoot, "package.json")),
  };
  const whole = { ...config, labels };
  const archive = await writeArchive(variant, repository, layers, whole);
  const beside = (suffix: string) => join(folders.archives, `${variant}.${suffix}`);
  writeFileSync(beside("cdx.json"), bomOf({ name: variant, digest: archive.digest }, components));
  writeFileSync(beside("digest"), `${repository}@${archive.digest}\n`);
  return { ...archive, name, repository, layers, config: whole };
}

/** The image with one more layer of text files, by their paths in it, under a version of its own: NAME-VERSION.tar, and the same repository. */
export function extendImage(
  { name, repository, layers, config }: BuiltImage,
  version: string,
  files: Readonly<Record<string, string>>,
): Promise<Archive> {
  return inWorkFolder(async () => {
    const root = join(folders.work, version);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    const layer = await packLayer({ title: version, root });
    const labels = { ...config.labels, "org.opencontainers.image.version": version };
    return writeArchive(`${name}-${version}`, repository, [...layers, layer], { ...config, labels });
  });
}
