/** From an error to its cause. */
import { type Cause, type CauseTable, type Situation, type Subject } from "./cause.ts";
import { CONNECT_CAUSES } from "./connect_causes.ts";
import { EXPOSE_CAUSES } from "./expose_causes.ts";
import { GENERAL_CAUSES, unknownCause } from "./general_causes.ts";
import { OPEN_CAUSES } from "./open_causes.ts";

/** The tables, by where something failed. */
export const CAUSES: Readonly<Record<Situation, CauseTable>> = {
  connect: CONNECT_CAUSES,
  open: OPEN_CAUSES,
  expose: EXPOSE_CAUSES,
};

/** The cause of `errno` (a name, or null when there is none) where it came up. */
export function findCause(situation: Situation, errno: string | null, subject: Subject): Cause {
  const explain = errno === null ? undefined : CAUSES[situation][errno] ?? GENERAL_CAUSES[errno];
  return (explain ?? unknownCause)(subject);
}

/** The first errno that a text names as our texts do, `EIO (Input/output error)`, or null. */
export function errnoIn(text: string): string | null {
  return /\b(E[A-Z][A-Z0-9]+) \(/.exec(text)?.[1] ?? null;
}
