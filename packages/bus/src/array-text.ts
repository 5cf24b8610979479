/** PostgreSQL's text of an array of numbers or ids: nothing in them needs quotes, for which the driver would look at each character. */
export function arrayText(values: readonly (bigint | string)[]): string {
  return `{${values.join(",")}}`;
}
