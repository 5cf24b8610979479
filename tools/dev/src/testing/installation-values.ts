import type { DevChain } from "@gradients/dev-chain";
import { hostileClasses, recipeCatalogue } from "./attacks.ts";

interface Facts {
  /** Address of the machine that the servers run on, as pods reach it. */
  readonly host: string;
  readonly ports: Readonly<Record<"postgres" | "nats" | "s3" | "chain", number>>;
  readonly chain: DevChain;
  readonly images: OwnImages;
  /** With hardware classes and recipes for contestants that mean harm, in this image. */
  readonly attacker?: { readonly digest: string } | undefined;
  readonly settings?: Settings | undefined;
}

/** More variables of a service, over those below. */
export type Settings = Readonly<
  Partial<Record<"gateway" | "scheduler" | "scorer", Readonly<Record<string, string | number>>>>
>;

/** Names of the Secrets that the values below refer to. */
export const secretNames = {
  admin: "database-admin",
  objects: "objects",
  apiKey: "api-key",
  hotkey: "hotkey",
  database: (service: string) => `database-${service}`,
} as const;

type OwnImages = Readonly<Record<"services" | "trainer", { readonly digest: string }>>;

/** An image as it is loaded into the node. */
export const localImage = (name: keyof OwnImages, images: OwnImages) => ({
  registry: "localhost",
  repository: `gradients/${name}`,
  digest: images[name].digest,
});

/** A machine, as network policies name it. */
export const peersAt = (host: string) => [{ ipBlock: { cidr: `${host}/32` } }];

/** One replica on a node of two cores, which trainers need. */
export const smallService = {
  replicas: 1,
  resources: { requests: { cpu: "10m", memory: "128Mi" }, limits: { memory: "1Gi" } },
};

/** So that a job takes seconds. */
export const smallConfig = {
  scheduler: {
    SCHEDULER_FLEET_KUBERNETES_AGENT_CPU: "150m",
    SCHEDULER_ATTEMPTS_PLACING_LEASE_SECONDS: 180,
    SCHEDULER_ATTEMPTS_LEASE_SECONDS: 30,
    SCHEDULER_ATTEMPTS_CHECKPOINT_SECONDS: 30,
  },
  scorer: { SCORER_HELDOUT_ROWS_MAX: 32, SCORER_GENERATE_ROWS: 2, SCORER_MAX_NEW_TOKENS: 16 },
};

export const smallClass = {
  name: "cpu",
  description: "Half a core of the test's node",
  slots: 3,
  threadsPerSlot: 1,
  resources: { cpu: "400m", memory: "3Gi", ephemeralStorage: "6Gi" },
  workSize: "4Gi",
};

/** Values of the chart for servers outside the cluster, on a node of two cores. */
export function installationValues({ host, ports, chain, images, attacker, settings = {} }: Facts): object {
  const service = (name: string) => ({
    ...smallService,
    database: { existingSecret: { name: secretNames.database(name) } },
  });
  const objects = `http://${host}:${ports.s3}`;
  const hostile = attacker ? recipeCatalogue() : [];
  const hotkeys = chain.accounts.contestants.map(({ hotkey }) => hotkey);
  const here = peersAt(host);
  return {
    image: localImage("services", images),
    database: { port: ports.postgres, adminSecret: { name: secretNames.admin } },
    nats: { servers: [`${host}:${ports.nats}`], streamReplicas: 1 },
    objects: { endpoint: objects, existingSecret: { name: secretNames.objects } },
    networkPolicy: { servicesFrom: here },
    gateway: {
      ...service("gateway"),
      bootstrapKey: { existingSecret: { name: secretNames.apiKey } },
      config: { ...settings.gateway },
    },
    scheduler: {
      ...service("scheduler"),
      replicas: 2,
      recipes: { catalogue: hostile },
      contestantHotkeys: [...hotkeys, ...hostile.map(() => hotkeys[0])],
      config: { ...smallConfig.scheduler, ...settings.scheduler },
    },
    scorer: {
      ...service("scorer"),
      config: { ...smallConfig.scorer, ...settings.scorer },
    },
    chainBridge: {
      ...service("chain-bridge"),
      endpoints: [`ws://${host}:${ports.chain}`],
      genesisHash: chain.genesisHash,
      netuid: chain.netuid,
      mode: "active",
      hotkey: { existingSecret: { name: secretNames.hotkey } },
    },
    trainers: {
      image: localImage("trainer", images),
      networkPolicy: { objects: here },
      hardwareClasses: [
        smallClass,
        ...(attacker ? hostileClasses(`localhost/gradients/attacker@${attacker.digest}`) : []),
      ],
    },
  };
}
