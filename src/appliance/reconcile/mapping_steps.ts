/** Steps about mappings, and about the block devices that an earlier start left behind. */
import type { Step } from "./step.ts";
import { step } from "./step.ts";
import { leftoverUse, mappingUse } from "./actual.ts";
import type { ActualMapping, Leftover, Users } from "./actual.ts";
import type { Origin, WantedMapping } from "./desired.ts";
import type { Fates, Succession } from "./fates.ts";

const mappingLock = (name: string) => `mapping ${name}`;

/** Mappings that nobody wants. */
export function removals(fates: Fates): Step[] {
  return fates.unwanted.map(({ config }) => {
    const { name } = config;
    const force = fates.isForced(config);
    const { waitsFor, isKnown } = fates.departure(name);
    return step({
      action: "remove",
      kind: "mapping",
      name,
      reason: force ? "no file names it any more; it may be taken away in use" : NOT_NAMED,
      work: { kind: "unmap", name, force },
      asks: force ? [] : [mappingUse(name)],
      isReady: isKnown,
      waitsFor,
    });
  });
}

const NOT_NAMED = "no file names it any more";

/** Devices whose process is gone, and whose mapping is gone too or has another device. */
export function leftoverRemovals(fates: Fates, users: Users): Step[] {
  return fates.actual.leftovers.flatMap((leftover) => {
    const reason = leftoverReason(fates, leftover);
    if (reason === undefined) return [];
    const key = leftoverUse(leftover.id);
    const who = users.get(key);
    return step({
      action: "remove",
      kind: "mapping",
      name: leftover.name,
      reason,
      locks: [mappingLock(leftover.name), key],
      work: { kind: "deleteLeftover", id: leftover.id },
      asks: [key],
      isReady: who !== undefined,
      waitsFor: who === undefined || who.length === 0
        ? null
        : `${leftover.device} is in use: ${who.join(", ")}`,
    });
  });
}

function leftoverReason({ actual, mappings }: Fates, leftover: Leftover): string | undefined {
  const { name, device } = leftover;
  if (!mappings.has(name)) return `${device} was left by an earlier start, and ${NOT_NAMED}`;
  const mapping = actual.mappings.find(({ config }) => config.name === name);
  // Until it is open it may still take the device over.
  if (mapping?.state !== "open") return undefined;
  return `${device} was left by an earlier start, and the mapping has another one now`;
}

/** Mappings that are there and have to be made anew. */
export function remakes(fates: Fates): Step[] {
  return [...fates.mappings].flatMap(([name, wanted]) => {
    const succession = fates.successions.get(name);
    return succession?.isRemake === true ? remake(fates, wanted, succession) : [];
  });
}

function remake(fates: Fates, { mapping }: WantedMapping, succession: Succession): Step {
  const before = succession.before.config;
  const force = fates.isForced(before);
  const { waitsFor, isKnown } = fates.departure(before.name);
  const keys = succession.changes.map(({ key }) => key).filter((key) => key !== "on_remove");
  const them = keys.length === 1 ? "it" : "them";
  return step({
    action: "remake",
    kind: "mapping",
    name: mapping.name,
    reason: `${keys.join(", ")} changed, and it is mapped anew to have ${them}`,
    changes: succession.changes,
    locks: [mappingLock(before.name), mappingLock(mapping.name)],
    work: { kind: "unmap", name: before.name, force },
    asks: force ? [] : [mappingUse(before.name)],
    isReady: isKnown && !fates.isAwaited(mapping),
    waitsFor,
  });
}

/** Mappings that are wanted and not there. */
export function additions(fates: Fates): Step[] {
  return [...fates.mappings].flatMap(([name, { mapping, origin }]) => {
    if (fates.successions.has(name)) return [];
    const { sessname } = mapping;
    const hasSession = fates.actual.sessions.some(({ config }) => config.sessname === sessname);
    return step({
      action: "add",
      kind: "mapping",
      name,
      reason: origin === "config" ? "declared, and not mapped" : "mapped by hand, and gone",
      needs: [`session ${sessname}`],
      work: { kind: "map", mapping, origin },
      isReady: hasSession && !fates.isRemadeSession(sessname) && !fates.isAwaited(mapping) &&
        fates.holders(mapping).length === 0,
      waitsFor: fates.requirements(mapping).waitsFor,
    });
  });
}

/** Declared mappings that somebody unmapped. */
export function heldAdditions({ desired, actual }: Fates): Step[] {
  const declared = desired.config.mappings.filter(({ name }) => desired.heldMappings.has(name));
  const isThere = (name: string) => actual.mappings.some(({ config }) => config.name === name);
  return declared.filter(({ name }) => !isThere(name)).map(({ name }) =>
    step({
      action: "add",
      kind: "mapping",
      name,
      reason: "declared, and unmapped by hand",
      work: undefined,
      waitsFor: "apply, or the next start: it was unmapped by hand",
    })
  );
}

/** What can be changed while a mapping is in use. */
export function changes(fates: Fates): Step[] {
  return [...fates.mappings].flatMap(([name, { mapping, origin }]) => {
    const succession = fates.successions.get(name);
    if (succession === undefined || succession.isRemake) return [];
    const { before } = succession;
    if (succession.changes.length === 0 && before.origin === origin) return [];
    return step({
      action: "change",
      kind: "mapping",
      name,
      reason: succession.changes.length === 0
        ? originReason(origin)
        : "the file says so; its users notice nothing",
      changes: succession.changes,
      work: { kind: "changeMapping", mapping, origin },
    });
  });
}

/** Why something changes hands. */
export const originReason = (origin: Origin): string =>
  origin === "config" ? "made by hand, and declared now" : "kept for a mapping made by hand";

/** Mappings that are as declared, but not open. */
export function openings(fates: Fates): Step[] {
  return [...fates.mappings.keys()].flatMap((name) => {
    const succession = fates.successions.get(name);
    if (succession === undefined || succession.isRemake) return [];
    return succession.before.state === "open" ? [] : opening(name, succession.before);
  });
}

function opening(name: string, { config, state, failure }: ActualMapping): Step {
  const isTried = state === "opening" || (failure?.nextTryMs ?? null) !== null;
  return step({
    action: "add",
    kind: "mapping",
    name,
    reason: state === "opening" ? "mapped, and being opened" : "mapped, and not open",
    needs: [`session ${config.sessname}`],
    work: { kind: "reopen", name },
    isReady: state !== "opening",
    isOptional: isTried || failure?.isTerminal === true,
    failure,
  });
}
