import { binaryPath, missingBinaries, outcomeOf } from "@gradients/cluster";
import { describe, expect, test } from "vitest";
import { schemaLocation, schemaVersions } from "./schemas/make-schemas.ts";
import { type RenderOptions, renderText, valuesNames } from "./testing/render.ts";

const versions = schemaVersions();

describe.skipIf(missingBinaries("helm", "kubeconform") !== undefined || versions.length === 0)(
  "manifests are what Kubernetes' own schemas allow",
  { timeout: 60_000 },
  () => {
    describe.each(versions)("%s", (version) => {
      test.each(valuesNames)("%s", async (values) => {
        const manifests = await renderText({ values, kubeVersion: version });
        const { problems, valid } = await conform(version, manifests);
        expect(problems).toEqual([]);
        expect(valid).toBeGreaterThan(10);
      });
    });

    test("an unknown field is found", async () => {
      const options: RenderOptions = { over: { gateway: { merge: { spec: { replica: 2 } } } } };
      const { problems } = await conform(versions[0] ?? "", await renderText(options));
      expect(problems).toEqual([expect.stringContaining("gradients-gateway")]);
    });
  },
);

interface Report {
  readonly resources: readonly { readonly name: string; readonly kind: string; readonly msg: string }[];
  readonly summary: { readonly valid: number };
}

/** ExternalSecrets are an example's own objects; nobody publishes their schema as a Go module of a reasonable size. */
async function conform(version: string, manifests: string) {
  const args = ["-strict", "-summary", "-output", "json", "-skip", "ExternalSecret"];
  const command = [binaryPath("kubeconform"), ...args, "-schema-location", schemaLocation(version), "-"];
  const { output, errors } = await outcomeOf(command, { input: manifests });
  if (!output) throw new Error(errors);
  const { resources, summary } = JSON.parse(output) as Report;
  return {
    problems: resources.map(({ kind, name, msg }) => `${kind} ${name}: ${msg}`),
    valid: summary.valid,
  };
}
