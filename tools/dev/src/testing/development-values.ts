import { addresses } from "@gradients/cluster";
import { type BuiltImage, developmentServerNames } from "@gradients/images";
import { tinyModel } from "@gradients/testkit";
import { localImage, peersAt, smallClass, smallConfig, smallService } from "./installation-values.ts";

export const developmentImages = ["services", "trainer", ...developmentServerNames] as const;
export type DevelopmentImages = Record<(typeof developmentImages)[number], BuiltImage>;

/** Where the gateway has the tiny model's files. */
export const MODEL_FOLDER = "/models/tiny";
/** Of the object store, also where this machine downloads from it, as NOTES.txt tells an operator. */
export const OBJECTS_PORT = 8_333;
const MODEL_FILES = "tiny-model";

/** What values-dev.yaml needs beside itself on a node of two cores that pulls no image. */
export function developmentValues(images: Readonly<DevelopmentImages>): object {
  const server = (name: (typeof developmentServerNames)[number]) => ({
    image: `${images[name].repository}@${images[name].digest}`,
  });
  return {
    image: localImage("services", images),
    objects: { publicEndpoint: `http://127.0.0.1:${OBJECTS_PORT}` },
    networkPolicy: { servicesFrom: peersAt(addresses.host) },
    gateway: {
      ...smallService,
      extraVolumes: [{ name: "model", configMap: { name: MODEL_FILES } }],
      extraVolumeMounts: [{ name: "model", mountPath: MODEL_FOLDER }],
    },
    scheduler: { ...smallService, config: smallConfig.scheduler },
    scorer: { ...smallService, config: smallConfig.scorer },
    trainers: { image: localImage("trainer", images), hardwareClasses: [smallClass] },
    dev: {
      resources: smallService.resources,
      postgres: server("postgres"),
      nats: server("nats"),
      objects: server("seaweedfs"),
    },
    extraObjects: [modelFiles()],
  };
}

function modelFiles(): object {
  const files = [...tinyModel()].map(([name, content]) => [name, content.toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: MODEL_FILES },
    binaryData: Object.fromEntries(files),
  };
}
