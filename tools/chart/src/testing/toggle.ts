import { describe, expect, test } from "vitest";
import { find, hasHelm, type KubernetesObject, ofKind, render } from "./render.ts";

export type Objects = readonly KubernetesObject[];

export interface Toggle {
  readonly what: string;
  /** Laid over the minimal values. */
  readonly over: object;
  readonly see: (objects: Objects) => unknown;
  /** Seen without it, and with it. */
  readonly off: unknown;
  readonly on: unknown;
}

/** Each value both ways. */
export function testToggles(title: string, toggles: readonly Toggle[]): void {
  describe.skipIf(!hasHelm)(title, { timeout: 30_000 }, () => {
    let plain: Promise<Objects> | undefined;
    test.each(toggles)("$what", async ({ over, see, off, on }) => {
      plain ??= render();
      expect(see(await plain)).toEqual(off);
      expect(see(await render({ over }))).toEqual(on);
    });
  });
}

export const containerOf = (objects: Objects, service: string) =>
  find(objects, "Deployment", `gradients-${service}`).spec.template.spec.containers[0];

export const variable = (objects: Objects, service: string, name: string): unknown =>
  containerOf(objects, service).env.find((one: { name: string }) => one.name === name)?.value;

export const count = (kind: string) => (objects: Objects) => ofKind(objects, kind).length;
