import type { EstimateJson } from "@gradients/contracts/event";

/** A value with its interval on a scale from -scale to +scale; the middle line is the base model. */
export function IntervalBar({
  estimate,
  scale,
  colour,
}: {
  readonly estimate: EstimateJson;
  readonly scale: number;
  readonly colour: string;
}) {
  const x = (value: number | string | undefined) => 100 + (Number(value ?? 0) / scale) * 95;
  return (
    <svg viewBox="0 0 200 20" className="h-5 w-full" role="img" aria-label="gain with its 95 % interval">
      <line x1="100" y1="2" x2="100" y2="18" stroke="#cbd5e1" />
      <rect
        x={Math.min(100, x(estimate.value))}
        y="6"
        width={Math.abs(x(estimate.value) - 100)}
        height="8"
        rx="2"
        fill={colour}
        opacity="0.25"
      />
      <line x1={x(estimate.low)} y1="10" x2={x(estimate.high)} y2="10" stroke={colour} strokeWidth="2" />
      <line x1={x(estimate.low)} y1="6" x2={x(estimate.low)} y2="14" stroke={colour} strokeWidth="2" />
      <line x1={x(estimate.high)} y1="6" x2={x(estimate.high)} y2="14" stroke={colour} strokeWidth="2" />
      <circle cx={x(estimate.value)} cy="10" r="3" fill={colour} />
    </svg>
  );
}
