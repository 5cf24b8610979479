const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const grouped = new Intl.NumberFormat("en");

export const formatCount = (value: number | string | undefined): string => grouped.format(Number(value ?? 0));
export const formatCompact = (value: number | string | undefined): string =>
  compact.format(Number(value ?? 0));
export const formatLoss = (value: number | string | undefined): string =>
  value === undefined ? "–" : Number(value).toFixed(3);
export const formatPercent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

/** Signed percentage: a gain of 0.123 is "+12.3 %". */
export const formatGain = (share: number): string =>
  `${share >= 0 ? "+" : "−"}${formatPercent(Math.abs(share))}`;

export function formatBytes(bytes: number | string | undefined): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = Number(bytes ?? 0);
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min${rest(Math.round(seconds % 60), "s")}`;
  return `${Math.floor(seconds / 3600)} h${rest(Math.round((seconds % 3600) / 60), "min")}`;
}

function rest(amount: number, unit: string): string {
  return amount === 0 ? "" : ` ${amount} ${unit}`;
}

/** RAO (1e-9 TAO) as a decimal string of an integer to TAO, exactly. */
export function formatTao(amountRao: string): string {
  const digits = amountRao.padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9).replace(/0+$/, "") || "0"}`;
}

export const shortHotkey = (hotkey: string | undefined): string =>
  hotkey === undefined || hotkey.length < 12 ? (hotkey ?? "") : `${hotkey.slice(0, 5)}…${hotkey.slice(-4)}`;
