/** Does a part of the work and says how long it took. */
export type Step = <T>(name: string, work: () => Promise<T>) => Promise<T>;

export function printedSteps(stream: NodeJS.WritableStream = process.stderr): Step {
  const started = Date.now();
  return async (name, work) => {
    const result = await work();
    stream.write(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${name}\n`);
    return result;
  };
}
