/** A property that a step breaks and that cannot be seen in the state that it leaves behind. */
export class Broken extends Error {}
