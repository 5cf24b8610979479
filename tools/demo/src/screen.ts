/** Lines that are written once, and a block below them that is drawn again in place. */
export interface Screen {
  readonly interactive: boolean;
  print(line?: string): void;
  /** Replaces the block; where the output is no terminal, `plain` lines are printed instead, at most every few seconds. */
  redraw(block: readonly string[], plain: () => readonly string[]): void;
  /** Leaves the block where it is; the next line goes below it. */
  settle(): void;
}

const ESCAPE = "\u001b";
const colourCode = new RegExp(`(${ESCAPE}\\[[0-9;]*m)`);
const PLAIN_INTERVAL_MS = 5_000;

export function createScreen(output: NodeJS.WriteStream): Screen {
  return output.isTTY ? terminalScreen(output) : plainScreen(output);
}

function terminalScreen(output: NodeJS.WriteStream): Screen {
  let height = 0;
  const clear = () => {
    if (height > 0) output.write(`${ESCAPE}[${height}A${ESCAPE}[0J`);
    height = 0;
  };
  return {
    interactive: true,
    print: (line = "") => {
      clear();
      output.write(`${line}\n`);
    },
    redraw: (block) => {
      clear();
      for (const line of block) output.write(`${cut(line, output.columns || 100)}\n`);
      height = block.length;
    },
    settle: () => {
      height = 0;
    },
  };
}

function plainScreen(output: NodeJS.WriteStream): Screen {
  let last = 0;
  return {
    interactive: false,
    print: (line = "") => void output.write(`${line}\n`),
    redraw: (_block, plain) => {
      if (Date.now() - last < PLAIN_INTERVAL_MS) return;
      last = Date.now();
      for (const line of plain()) output.write(`${line}\n`);
    },
    settle: () => {
      last = 0;
    },
  };
}

/** A line no wider than the terminal: a wrapped line would break the redrawing. Colour codes take no room. */
function cut(line: string, columns: number): string {
  let width = 0;
  let result = "";
  for (const piece of line.split(colourCode)) {
    if (piece.startsWith(ESCAPE)) {
      result += piece;
      continue;
    }
    const room = Math.max(0, columns - 1 - width);
    result += piece.slice(0, room);
    width += Math.min(piece.length, room);
  }
  return result;
}
