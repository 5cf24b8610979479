// Preloaded into a service of a fault run: its clock is off by as many seconds as the file GRADIENTS_CLOCK_FILE says, from the moment that says so.
import { readFileSync } from "node:fs";

const LOOK_MS = 100;
const RealDate = Date;
let offsetMs = 0;

const now = () => RealDate.now() + offsetMs;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length > 0 ? args : [now()], newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
});

setInterval(() => {
  try {
    offsetMs = Number(readFileSync(process.env.GRADIENTS_CLOCK_FILE, "utf8")) * 1000;
  } catch {
    offsetMs = 0; // no file: the machine's own time
  }
}, LOOK_MS).unref();
