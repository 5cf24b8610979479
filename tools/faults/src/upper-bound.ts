const CONFIDENCE = 0.95;

/** Upper end of the one-sided 95 % interval of a rate, after `failures` in `tries`: 3 / tries when none failed (Poisson, exact). */
export function upperBound(failures: number, tries: number): number {
  if (tries === 0) return 1;
  let [low, high] = [0, 10 * (failures + 1)];
  for (let step = 0; step < 60; step += 1) {
    const mean = (low + high) / 2;
    if (atMost(failures, mean) > 1 - CONFIDENCE) low = mean;
    else high = mean;
  }
  return Math.min(1, high / tries);
}

/** Chance of at most `count` events when `mean` are expected. */
function atMost(count: number, mean: number): number {
  let term = Math.exp(-mean);
  let sum = term;
  for (let k = 1; k <= count; k += 1) {
    term *= mean / k;
    sum += term;
  }
  return sum;
}
