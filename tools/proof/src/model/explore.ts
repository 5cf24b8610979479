import { hash } from "node:crypto";

/** A system as states, kept in a canonical text form, and the steps that lead from one to others. */
export interface Machine<S> {
  readonly initial: string;
  read(text: string): S;
  steps(state: S): readonly Step[];
  /** Name of a property that the state breaks. */
  brokenBy(state: S): string | undefined;
  /** Everything is over, as it should be. */
  isEnd(state: S): boolean;
}

export interface Step {
  readonly label: string;
  /** False for faults and whims: nobody may rely on them to come to an end. */
  readonly isProgress: boolean;
  readonly next: string;
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
  /** The fewest steps that lead to it, and the state that they end in. */
  readonly trace: readonly string[];
  readonly state: string;
}

export const TERMINATION = "termination: no end can be reached any more";

/** Every state that can be reached, breadth first, so that the first violation has the shortest trace; then whether each can still come to an end. */
export function explore<S>(machine: Machine<S>, maxStates = Number.POSITIVE_INFINITY): Exploration {
  const startedAt = performance.now();
  const graph = new Graph();
  graph.visit(machine.initial, 0, 0);
  let violation: Found | undefined;
  while (!violation) {
    const state = graph.takeNext();
    if (state === undefined || graph.size > maxStates) break;
    violation = expand(machine, graph, state);
  }
  const isCut = !violation && graph.size > maxStates;
  if (!violation && !isCut) violation = stuckState(graph);
  return {
    states: graph.size,
    transitions: graph.transitions,
    ends: graph.ends.length,
    depth: graph.depth,
    seconds: (performance.now() - startedAt) / 1000,
    violation: violation && retrace(machine, graph, violation),
    isCut,
  };
}

interface Found {
  readonly property: string;
  readonly stateId: number;
  /** The step from it that breaks the property; undefined when the state itself does. */
  readonly step: number | undefined;
}

function expand<S>(machine: Machine<S>, graph: Graph, text: string): Found | undefined {
  const state = machine.read(text);
  const stateId = graph.current;
  const property = machine.brokenBy(state);
  if (property) return { property, stateId, step: undefined };
  if (machine.isEnd(state)) graph.ends.push(stateId);
  for (const [index, step] of machine.steps(state).entries()) {
    if (step.breaks) return { property: step.breaks, stateId, step: index };
    graph.transitions++;
    const to = graph.visit(step.next, stateId, index);
    if (step.isProgress) graph.addProgress(stateId, to);
  }
  return undefined;
}

/** The first state from which faults and whims apart no end can be reached: a dead end, or a loop without a way out. */
function stuckState(graph: Graph): Found | undefined {
  const canEnd = graph.reachBackwards(graph.ends);
  const stateId = canEnd.indexOf(0);
  return stateId < 0 ? undefined : { property: TERMINATION, stateId, step: undefined };
}

/** States are kept as digests only, so the way is walked once more. */
function retrace<S>(machine: Machine<S>, graph: Graph, { property, stateId, step }: Found): Violation {
  const indices = [...graph.pathTo(stateId), ...(step === undefined ? [] : [step])];
  const trace: string[] = [];
  let state = machine.initial;
  for (const index of indices) {
    const taken = machine.steps(machine.read(state))[index];
    if (!taken) throw new Error("the machine's steps differ from one call to the next");
    trace.push(taken.label);
    state = taken.next;
  }
  return { property, trace, state };
}

class Graph {
  transitions = 0;
  depth = 0;
  current = -1;
  readonly ends: number[] = [];
  readonly #ids = new Map<string, number>();
  readonly #parents: number[] = [];
  readonly #steps: number[] = [];
  readonly #depths: number[] = [];
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  #frontier: string[] = [];
  #waiting: string[] = [];

  get size(): number {
    return this.#ids.size;
  }

  /** The state's number; a new one joins the frontier. */
  visit(state: string, parent: number, step: number): number {
    const digest = hash("md5", state, "base64");
    const known = this.#ids.get(digest);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    this.#ids.set(digest, id);
    this.#parents.push(parent);
    this.#steps.push(step);
    this.#depths.push(id === 0 ? 0 : (this.#depths[parent] ?? 0) + 1);
    this.#waiting.push(state);
    return id;
  }

  /** In the order of their numbers. */
  takeNext(): string | undefined {
    if (this.#frontier.length === 0) {
      this.#frontier = this.#waiting.reverse();
      this.#waiting = [];
    }
    const state = this.#frontier.pop();
    if (state === undefined) return undefined;
    this.current++;
    this.depth = Math.max(this.depth, this.#depths[this.current] ?? 0);
    return state;
  }

  addProgress(from: number, to: number): void {
    this.#from.push(from);
    this.#to.push(to);
  }

  /** One mark per state: 1 when a progress path leads from it to one of `targets`. */
  reachBackwards(targets: readonly number[]): Uint8Array {
    const { offsets, sources } = this.#incoming();
    const reached = new Uint8Array(this.size);
    const queue = [...targets];
    for (const target of targets) reached[target] = 1;
    for (let target = queue.pop(); target !== undefined; target = queue.pop()) {
      for (let at = offsets[target] ?? 0; at < (offsets[target + 1] ?? 0); at++) {
        const source = sources[at] ?? 0;
        if (reached[source]) continue;
        reached[source] = 1;
        queue.push(source);
      }
    }
    return reached;
  }

  /** The numbers of the steps from the start to a state. */
  pathTo(stateId: number): readonly number[] {
    const path: number[] = [];
    for (let id = stateId; id !== 0; id = this.#parents[id] ?? 0) path.push(this.#steps[id] ?? 0);
    return path.reverse();
  }

  #incoming(): { readonly offsets: Int32Array; readonly sources: Int32Array } {
    const offsets = new Int32Array(this.size + 2);
    for (const to of this.#to) offsets[to + 2] = (offsets[to + 2] ?? 0) + 1;
    for (let id = 2; id < offsets.length; id++) offsets[id] = (offsets[id] ?? 0) + (offsets[id - 1] ?? 0);
    const sources = new Int32Array(this.#to.length);
    for (const [edge, to] of this.#to.entries()) {
      const at = offsets[to + 1] ?? 0;
      sources[at] = this.#from[edge] ?? 0;
      offsets[to + 1] = at + 1;
    }
    return { offsets, sources };
  }
}
