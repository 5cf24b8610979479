/** What a reflector needs of an object, beside what its user keeps. */
export interface Slim {
  readonly name: string;
  /** Its resourceVersion. */
  readonly version: string;
}

export interface Listing<S> {
  readonly position: string;
  readonly objects: ReadonlyMap<string, S>;
}

export interface ReflectorAudit<S> {
  /** Whether a watch at that position must have told everything that the list knows. */
  isPassedBy(position: string): boolean;
  /** `missed`: newer in the list, or only there. `left`: not in the list, and not made after it. */
  compare(known: ReadonlyMap<string, S>): { readonly missed: readonly S[]; readonly left: readonly S[] };
}

/**
 * A full list, kept until the watch has come as far: only what differs then was really missed. `deleted` grows with the names of which the watch told
 * that they left since the list was begun.
 */
export function createAudit<S extends Slim>(
  { position, objects }: Listing<S>,
  deleted: ReadonlySet<string>,
): ReflectorAudit<S> {
  return {
    isPassedBy: (other) => !isNewer(position, other),
    compare: (known) => ({
      missed: [...objects.values()].filter((listed) => {
        const ours = known.get(listed.name);
        return ours ? isNewer(listed.version, ours.version) : !deleted.has(listed.name);
      }),
      left: [...known.values()].filter(
        ({ name, version }) => !objects.has(name) && !isNewer(version, position),
      ),
    }),
  };
}

/** Resource versions are decimal numbers that grow, of whatever length. */
export function isNewer(version: string, than: string): boolean {
  return version.length === than.length ? version > than : version.length > than.length;
}
