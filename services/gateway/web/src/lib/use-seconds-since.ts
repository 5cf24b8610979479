import { useEffect, useState } from "react";

/** Whole seconds since a time (ISO 8601), counted on; 0 without one. */
export function useSecondsSince(time: string | undefined): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return time === undefined ? 0 : Math.max(0, Math.round((now - Date.parse(time)) / 1_000));
}
