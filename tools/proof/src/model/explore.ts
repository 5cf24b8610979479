import { StateTable } from "./state-table.ts";

/** A system as states, each a number of its own up to 2^53, and the steps that lead from one to others. */
export interface Machine {
  readonly initial: number;
  /** The same in the same order whenever it is asked. */
  steps(state: number): readonly Step[];
  /** Name of a property that the state breaks. */
  brokenBy(state: number): string | undefined;
  /** Everything is over, as it should be. */
  isEnd(state: number): boolean;
}

export interface Step {
  readonly label: string;
  /** False for faults and whims: nobody may rely on them to come to an end. */
  readonly isProgress: boolean;
  readonly next: number;
  /** A property that the step itself breaks. */
  readonly breaks?: string | undefined;
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  readonly ends: number;
  /** Steps from the start to the farthest state. */
  readonly depth: number;
  readonly seconds: number;
  readonly violation: Violation | undefined;
  /** True when `maxStates` cut it short: what was seen is right, the rest is unknown. */
  readonly isCut: boolean;
}

interface Violation {
  readonly property: string;
  /** The fewest steps that lead to it. */
  readonly trace: readonly string[];
}

export const TERMINATION = "termination: no end can be reached any more";

/** Every state that can be reached, breadth first, so that the first violation has the shortest trace; then whether each can still come to an end. */
export function explore(machine: Machine, maxStates = Number.POSITIVE_INFINITY): Exploration {
  const startedAt = performance.now();
  const search = new Search(machine);
  const isCut = search.toTheEnd(maxStates);
  const found = search.found ?? (isCut ? undefined : search.stuckState());
  return {
    states: search.table.size,
    transitions: search.transitions,
    ends: search.ends.length,
    depth: search.depth,
    seconds: (performance.now() - startedAt) / 1000,
    violation: found && retrace(machine, search.table, found),
    isCut,
  };
}

interface Found {
  readonly property: string;
  readonly stateId: number;
  /** The step from it that breaks the property; undefined when the state itself does. */
  readonly step?: number;
}

class Search {
  readonly table = new StateTable();
  readonly ends: number[] = [];
  transitions = 0;
  depth = 0;
  found: Found | undefined;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.table.add(machine.initial, 0, 0);
  }

  /** Level by level. True when there is more than may be looked at. */
  toTheEnd(maxStates: number): boolean {
    for (let from = 0, to = 1; from < to; from = to, to = this.table.size) {
      for (let id = from; id < to; id++) {
        this.#expand(id);
        if (this.found) return false;
        if (this.table.size > maxStates) return true;
      }
      if (this.table.size > to) this.depth++;
    }
    return false;
  }

  /**
   * The first state from which, faults and whims apart, no end can be reached: a dead end, or a loop without a way out. States are asked again for their steps,
   * which costs less than keeping all of them; from the last to the first one round is nearly always enough.
   */
  stuckState(): Found | undefined {
    const canEnd = new Uint8Array(this.table.size);
    for (const id of this.ends) canEnd[id] = 1;
    for (let isChanged = true; isChanged; ) {
      isChanged = false;
      for (let id = canEnd.length - 1; id >= 0; id--) {
        if (canEnd[id] || !this.#leadsTo(id, canEnd)) continue;
        canEnd[id] = 1;
        isChanged = true;
      }
    }
    const stateId = canEnd.indexOf(0);
    return stateId < 0 ? undefined : { property: TERMINATION, stateId };
  }

  #expand(stateId: number): void {
    const state = this.table.keyOf(stateId);
    const property = this.#machine.brokenBy(state);
    if (property) this.found = { property, stateId };
    if (property) return;
    if (this.#machine.isEnd(state)) this.ends.push(stateId);
    for (const [index, { breaks, next }] of this.#machine.steps(state).entries()) {
      if (breaks) this.found = { property: breaks, stateId, step: index };
      if (breaks) return;
      this.transitions++;
      this.table.add(next, stateId, index);
    }
  }

  #leadsTo(id: number, marks: Uint8Array): boolean {
    const steps = this.#machine.steps(this.table.keyOf(id));
    return steps.some(({ isProgress, next }) => isProgress && marks[this.table.idOf(next)] === 1);
  }
}

/** States are kept as numbers only, so the way is walked once more. */
function retrace(machine: Machine, table: StateTable, { property, stateId, step }: Found): Violation {
  const indices = [...table.pathTo(stateId), ...(step === undefined ? [] : [step])];
  const trace: string[] = [];
  let state = machine.initial;
  for (const index of indices) {
    const taken = machine.steps(state)[index];
    if (!taken) throw new Error("the machine's steps differ from one call to the next");
    trace.push(taken.label);
    state = taken.next;
  }
  return { property, trace };
}
