import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import type { Contestant } from "../lib/contestants.ts";
import { type Curves, smooth } from "../lib/curves.ts";

const HEIGHT = 320;

/** Training loss of all contestants over their own training time, on one pair of axes. */
export function RacePlot({
  curves,
  contestants,
}: {
  readonly curves: Curves;
  readonly contestants: readonly Contestant[];
}) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [smoothing, setSmoothing] = useState(0.8);
  // The plot is made anew only when the set of contestants changes, not with every event.
  const shape = JSON.stringify(
    contestants.map(({ attemptId, title, colour }) => ({ attemptId, title, colour })),
  );
  const lines = useMemo(() => JSON.parse(shape) as readonly Line[], [shape]);

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const created = new uPlot(options(lines, element.clientWidth), [[]], element);
    plot.current = created;
    const observer = new ResizeObserver(() =>
      created.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      created.destroy();
      plot.current = null;
    };
  }, [lines]);

  useEffect(() => {
    plot.current?.setData(aligned(curves, lines, smoothing));
  }, [curves, smoothing, lines]);

  return (
    <section className="card">
      <div className="mb-2 flex items-center justify-between">
        <h2 className="font-semibold">Race</h2>
        <label className="flex items-center gap-2 text-xs text-muted">
          Smoothing
          <input
            type="range"
            min={0}
            max={0.95}
            step={0.05}
            value={smoothing}
            onChange={(event) => setSmoothing(Number(event.target.value))}
          />
        </label>
      </div>
      <div
        ref={host}
        data-points={countPoints(curves)}
        role="img"
        aria-label="Training loss of each contestant over training seconds"
      />
    </section>
  );
}

function countPoints(curves: Curves): number {
  return [...curves.values()].reduce((sum, { seconds }) => sum + seconds.length, 0);
}

function options(lines: readonly Line[], width: number): uPlot.Options {
  return {
    width,
    height: HEIGHT,
    scales: { x: { time: false } },
    axes: [{ label: "training seconds" }, { label: "loss, nats per token" }],
    series: [
      { label: "seconds" },
      ...lines.map(({ title, colour }) => ({ label: title, stroke: colour, width: 2, spanGaps: true })),
    ],
  };
}

function aligned(curves: Curves, lines: readonly Line[], smoothing: number): uPlot.AlignedData {
  const tables = lines.map(({ attemptId }): uPlot.AlignedData => {
    const curve = curves.get(attemptId) ?? { seconds: [], loss: [] };
    return [curve.seconds, smooth(curve.loss, smoothing)];
  });
  return tables.length === 0 ? [[]] : uPlot.join(tables);
}

type Line = Pick<Contestant, "attemptId" | "title" | "colour">;
