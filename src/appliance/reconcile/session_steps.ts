/** Steps about sessions: each lives while a mapping that is wanted uses it. */
import { type ActualSession, mappingUse } from "./actual.ts";
import { keepHeld, sessionChanges } from "./differences.ts";
import type { Fates } from "./fates.ts";
import { originReason } from "./mapping_steps.ts";
import { type Step, step } from "./step.ts";

/** Everything about one session must rest while it is taken away. */
function locksOf(fates: Fates, sessname: string): string[] {
  const mappings = fates.mappingsOf(sessname).map(({ config }) => `mapping ${config.name}`);
  return [`session ${sessname}`, ...mappings];
}

const leavingOf = ({ actual }: Fates, sessname: string) =>
  actual.leaving.some((mapping) => mapping.sessname === sessname);

/** Sessions that no wanted mapping uses. */
export function sessionRemovals(fates: Fates): Step[] {
  return fates.actual.sessions.flatMap(({ config: { sessname } }) => {
    if (fates.sessions.has(sessname)) return [];
    const users = fates.mappingsOf(sessname);
    return step({
      action: "remove",
      kind: "session",
      name: sessname,
      reason: "no mapping uses it",
      locks: locksOf(fates, sessname),
      work: { kind: "closeSession", sessname, mappings: [] },
      isReady: users.length === 0 && !leavingOf(fates, sessname),
      waitsFor: fates.sessionDeparture(sessname).waitsFor,
    });
  });
}

/** Sessions that cannot become what they should be while they last. */
export function sessionRemakes(fates: Fates): Step[] {
  return fates.actual.sessions.flatMap(({ config }) => {
    const { sessname } = config;
    if (!fates.isRemadeSession(sessname)) return [];
    const mappings = fates.removalsOf(sessname);
    const { waitsFor, isKnown } = fates.sessionDeparture(sessname);
    const changes = fates.sessionChanges(config);
    const count = mappings.length === 1 ? "its mapping" : `its ${mappings.length} mappings`;
    const keys = changes.map(({ key }) => key).join(", ");
    return step({
      action: "remake",
      kind: "session",
      name: sessname,
      reason: `${keys} changed; it is connected anew` +
        (mappings.length === 0 ? "" : `, and ${count} with it`),
      changes,
      locks: locksOf(fates, sessname),
      work: { kind: "closeSession", sessname, mappings },
      asks: mappings.filter(({ force }) => !force).map(({ name }) => mappingUse(name)),
      isReady: isKnown && !leavingOf(fates, sessname),
      waitsFor,
    });
  });
}

/** Sessions that are wanted and not there. */
export function sessionAdditions(fates: Fates): Step[] {
  const isThere = (sessname: string) =>
    fates.actual.sessions.some(({ config }) => config.sessname === sessname);
  return [...fates.sessions].filter(([sessname]) => !isThere(sessname)).map((entry) => {
    const [sessname, { session, origin }] = entry;
    const users = [...fates.mappings.values()]
      .filter(({ mapping }) => mapping.sessname === sessname).length;
    return step({
      action: "add",
      kind: "session",
      name: sessname,
      reason: users === 1 ? "a mapping uses it" : `${users} mappings use it`,
      work: { kind: "openSession", session, origin },
    });
  });
}

/** What can be changed while a session is in use. */
export function sessionEdits(fates: Fates): Step[] {
  return fates.actual.sessions.flatMap((session) => {
    const { sessname } = session.config;
    if (!fates.sessions.has(sessname) || fates.isRemadeSession(sessname)) return [];
    return [...heldEdits(fates, session), ...liveEdits(fates, session)];
  });
}

function liveEdits(fates: Fates, { config, origin }: ActualSession): Step[] {
  const wanted = fates.sessions.get(config.sessname)!;
  const changes = fates.sessionChanges(config);
  if (changes.length === 0 && origin === wanted.origin) return [];
  const held = fates.desired.heldSessionKeys.get(config.sessname) ?? new Set<string>();
  return [step({
    action: "change",
    kind: "session",
    name: config.sessname,
    reason: changes.length === 0
      ? originReason(wanted.origin)
      : "the file says so; its mappings stay open",
    changes,
    work: {
      kind: "changeSession",
      session: keepHeld(config, wanted.session, held),
      origin: wanted.origin,
    },
  })];
}

/** What somebody set by hand, against the file. */
function heldEdits(fates: Fates, { config }: ActualSession): Step[] {
  const held = fates.desired.heldSessionKeys.get(config.sessname);
  const wanted = fates.sessions.get(config.sessname)!.session;
  const changes = sessionChanges(config, wanted).filter(({ key }) => held?.has(key) === true);
  if (changes.length === 0) return [];
  return [step({
    action: "change",
    kind: "session",
    name: config.sessname,
    reason: "changed by hand, against the file",
    changes,
    work: undefined,
    waitsFor: "apply, or the next start: it was changed by hand",
  })];
}
