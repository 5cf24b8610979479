// What set-up shows: one line redrawn in place on a terminal, plain lines elsewhere.
const plainEveryMs = 15_000;
const redrawEveryMs = 120;

export function createReporter(stream = process.stderr) {
  return stream.isTTY ? terminalReporter(stream) : plainReporter(stream);
}

/** Sums up what lies ahead: the user learns size and time before anything starts. */
export function describePlan(steps) {
  const bytes = steps.reduce((sum, step) => sum + step.bytes, 0);
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const count = steps.length === 1 ? "1 step" : `${steps.length} steps`;
  return `Setting up: ${count}, about ${formatBytes(bytes)} of disk and ${formatMinutes(seconds)}. Done once; an interrupted set-up goes on where it stopped.`;
}

function plainReporter(stream) {
  const say = (text) => stream.write(`${text}\n`);
  return {
    say,
    begin({ title, bytes, seconds }, label) {
      say(`${label} ${title}: about ${formatBytes(bytes)}, ${formatMinutes(seconds)}`);
      const started = Date.now();
      let spoken = started;
      return {
        update(state) {
          if (Date.now() - spoken < plainEveryMs) return;
          spoken = Date.now();
          say(
            `      ${[describeState(state), describeTime(started, state, seconds)].filter(Boolean).join(", ")}`,
          );
        },
        end: () => say(`${label} ${title}: done in ${formatClock(Date.now() - started)}`),
        abandon: () => {},
      };
    },
  };
}

function terminalReporter(stream) {
  return {
    say: (text) => stream.write(`${text}\n`),
    begin({ title, seconds }, label) {
      const started = Date.now();
      let state = {};
      const draw = () => {
        const parts = [
          `${label} ${title.padEnd(26)}`,
          bar(fractionOf(state)),
          describeState(state),
          describeTime(started, state, seconds),
          state.note,
        ];
        stream.write(`\r\x1b[2K${fit(parts.filter(Boolean).join("  "), stream.columns)}`);
      };
      const timer = setInterval(draw, redrawEveryMs);
      draw();
      const finish = (text) => {
        clearInterval(timer);
        stream.write(`\r\x1b[2K${text}`);
      };
      return {
        update: (next) => {
          state = next;
        },
        end: () => finish(`${label} ${title.padEnd(26)}  done in ${formatClock(Date.now() - started)}\n`),
        abandon: () => finish(""),
      };
    },
  };
}

/** State: {done, total, unit: "bytes" | plural noun, note}; every field may be missing. */
function describeState({ done, total, unit }) {
  if (done === undefined) return "";
  const format = unit === "bytes" ? formatBytes : String;
  const noun = unit === "bytes" || unit === undefined ? "" : ` ${unit}`;
  return total === undefined ? `${format(done)}${noun}` : `${format(done)} of ${format(total)}${noun}`;
}

function describeTime(started, state, expectedSeconds) {
  const elapsed = Date.now() - started;
  const fraction = fractionOf(state);
  const leftMs = fraction > 0.05 ? (elapsed * (1 - fraction)) / fraction : expectedSeconds * 1000 - elapsed;
  return leftMs > 1000 ? `${formatClock(elapsed)}, about ${formatClock(leftMs)} left` : formatClock(elapsed);
}

function fractionOf({ done, total }) {
  return done === undefined || !total ? 0 : Math.min(1, done / total);
}

function bar(fraction, width = 20) {
  const filled = Math.round(fraction * width);
  return `[${"#".repeat(filled)}${"-".repeat(width - filled)}]`;
}

/** A terminal that does not know its width says 0. */
function fit(text, columns) {
  const width = columns || 80;
  return text.length < width ? text : `${text.slice(0, Math.max(0, width - 4))}...`;
}

export function formatBytes(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${Math.round(bytes / 1e6)} MB`;
  return `${Math.ceil(bytes / 1e3)} kB`;
}

function formatMinutes(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

function formatClock(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
