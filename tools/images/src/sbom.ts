export interface Component {
  readonly name: string;
  readonly version: string;
  /** https://github.com/package-url/purl-spec */
  readonly purl: string;
  readonly license?: string;
}

/** CycloneDX 1.6 as JSON. No date and no random number, so that equal images have equal bills. */
export function bomOf(
  image: { readonly name: string; readonly digest: string },
  components: readonly Component[],
): string {
  const listed = [...new Map(components.map((component) => [component.purl, component])).values()];
  const bom = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "container",
        "bom-ref": image.digest,
        name: image.name,
        version: image.digest,
        purl: `pkg:oci/${image.name}@${encodeURIComponent(image.digest)}`,
      },
    },
    components: listed
      .toSorted((a, b) => (a.purl < b.purl ? -1 : 1))
      .map(({ license, ...component }) => ({
        type: "library",
        "bom-ref": component.purl,
        ...component,
        ...(license && { licenses: [{ license: { name: license } }] }),
      })),
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}
