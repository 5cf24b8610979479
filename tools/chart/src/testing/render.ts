import { fileURLToPath } from "node:url";
import { binaryPath, missingBinaries, outcomeOf } from "@gradients/cluster";
import { parseAllDocuments, stringify } from "yaml";

export const chartFolder = fileURLToPath(new URL("../../../../deploy/helm/gradients/", import.meta.url));

const missing = missingBinaries("helm");

export const hasHelm = missing === undefined;
if (!hasHelm) process.stdout.write(`${missing}; without it the chart's tests are skipped\n`);

/** Values files below ci/ that are laid over ci/minimal-values.yaml. */
const overlays = ["ha", "tls", "existing-secrets", "all-on", "all-off", "air-gapped"] as const;

export type ValuesName = "minimal" | "dev" | (typeof overlays)[number];
export const valuesNames: readonly ValuesName[] = ["minimal", "dev", ...overlays];

/** Differs by kind; whether it is what Kubernetes takes, Kubernetes' own schemas tell. */
// oxlint-disable-next-line typescript/no-explicit-any
type Fields = any;

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Fields;
  readonly data: Fields;
  readonly rules: Fields;
  readonly subjects: Fields;
}

export interface RenderOptions {
  readonly values?: ValuesName;
  /** Laid over those values. */
  readonly over?: object;
  readonly kubeVersion?: string;
  readonly release?: string;
}

/** What `helm template` makes. Rejects with Helm's complaint. */
export async function render(options: RenderOptions = {}): Promise<readonly KubernetesObject[]> {
  const documents = parseAllDocuments(await renderText(options));
  return documents
    .map((document) => document.toJSON() as KubernetesObject)
    .filter((object) => object !== null);
}

const rendered = new Map<string, Promise<string>>();

/** The same text for the same options: most tests look at the same few renderings. */
export function renderText(options: RenderOptions = {}): Promise<string> {
  const key = JSON.stringify(options);
  const known = rendered.get(key) ?? renderAnew(options);
  rendered.set(key, known);
  return known;
}

async function renderAnew({
  values = "minimal",
  over = {},
  kubeVersion = "1.36.3",
  release = "gradients",
}: RenderOptions = {}): Promise<string> {
  const files = filesOf(values).flatMap((file) => ["-f", `${chartFolder}${file}`]);
  const args = ["template", release, chartFolder, "-n", "gradients", "--kube-version", kubeVersion];
  return runHelm([...args, ...files, "-f", "-"], stringify(over));
}

export function filesOf(values: ValuesName): readonly string[] {
  if (values === "dev") return ["values-dev.yaml", "ci/dev-values.yaml"];
  return ["ci/minimal-values.yaml", ...(values === "minimal" ? [] : [`ci/${values}-values.yaml`])];
}

export async function runHelm(args: readonly string[], input = ""): Promise<string> {
  const { code, output, errors } = await outcomeOf([binaryPath("helm"), ...args], { input });
  // It tells of the link to deploy/observability each time.
  const complaint = errors.replace(/^walk\.go:.*\n/gm, "").trim();
  if (code !== 0) throw new Error(complaint);
  return output;
}

export function find(objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

export function ofKind(objects: readonly KubernetesObject[], kind: string): readonly KubernetesObject[] {
  return objects.filter((object) => object.kind === kind);
}

export interface PodTemplate {
  readonly owner: string;
  readonly component: string;
  readonly spec: Fields;
}

/** Every pod that the objects lead to. */
export function podsOf(objects: readonly KubernetesObject[]): readonly PodTemplate[] {
  return objects.flatMap(({ kind, metadata, spec }) => {
    const template = kind === "Pod" ? { metadata, spec } : spec?.template;
    if (!template?.spec?.containers) return [];
    const component = template.metadata.labels["app.kubernetes.io/component"];
    return [{ owner: `${kind} ${metadata.name}`, component, spec: template.spec }];
  });
}

export function containersOf(pod: PodTemplate): readonly Fields[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
}
