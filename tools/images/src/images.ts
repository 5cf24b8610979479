import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../setup/paths.mjs";
import { type Content, versionOf } from "./content.ts";
import { natsContent, postgresContent, seaweedfsContent } from "./development-servers.ts";
import { folders, inWorkFolder } from "./folders.ts";
import type { Layer } from "./layer.ts";
import { type Archive, writeArchive } from "./oci.ts";
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

/** Leaves NAME.tar, NAME.digest (the reference by which pods name it) and NAME.cdx.json (its bill of materials). */
export function buildImage(name: ImageName, device: Device): Promise<BuiltImage> {
  return inWorkFolder(() => build(name, device));
}

async function build(name: ImageName, device: Device): Promise<BuiltImage> {
  const { layers, components, config } = await contents[name](device);
  const repository = `localhost/gradients/${name}`;
  const labels = {
    "org.opencontainers.image.title": `gradients ${name}`,
    "org.opencontainers.image.version": versionOf(join(repositoryRoot, "package.json")),
  };
  const archive = await writeArchive(name, repository, layers, { ...config, labels });
  const beside = (suffix: string) => join(folders.archives, `${name}.${suffix}`);
  writeFileSync(beside("cdx.json"), bomOf({ name, digest: archive.digest }, components));
  writeFileSync(beside("digest"), `${repository}@${archive.digest}\n`);
  return { ...archive, name, repository, layers };
}
