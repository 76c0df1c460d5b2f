/** Why a mapping is as it is. */
import type { ApplianceEvent, Explanation } from "../appliance_api.ts";
import type { MappingStatus, PlanStep, SessionStatus, Status } from "../status.ts";
import { type Cause, quoted, type Situation, type Subject } from "./cause.ts";
import { type Fact, fact, formatDuration, pathFacts, pendingFacts, troubleFacts } from "./facts.ts";
import { findCause } from "./find_cause.ts";

/** How errors begin that a connected server is the cause of. */
const OPEN_ERROR = /^the server( refused to open|'s answer to OPEN| has taken) /;

function situationOf(mapping: MappingStatus, session: SessionStatus | undefined): Situation {
  if (OPEN_ERROR.test(mapping.last_error ?? "")) return "open";
  return session?.state === "connected" ? "expose" : "connect";
}

function subjectOf(mapping: MappingStatus, session: SessionStatus | undefined): Subject {
  return {
    name: mapping.name,
    sessname: mapping.sessname,
    address: session?.paths[0]?.dst_addr ?? "",
    port: session?.dest_port ?? 0,
    devicePath: mapping.device_path,
    mode: mapping.access_mode,
    expose: mapping.expose,
    error: mapping.last_error ?? "",
  };
}

function causeOfClosed(mapping: MappingStatus, session: SessionStatus | undefined): Cause {
  if (mapping.last_error === null) {
    return {
      cause: "It is being opened.",
      advice: ["see how it goes: `rnbd-appliance watch`"],
    };
  }
  if (mapping.last_errno === null && session?.state === "disconnected") {
    return {
      cause: `The paths of session ${mapping.sessname} were disconnected by hand.`,
      advice: [`connect them: \`rnbd-appliance reconnect ${quoted(mapping.sessname)}\``],
    };
  }
  const situation = situationOf(mapping, session);
  return findCause(situation, mapping.last_errno, subjectOf(mapping, session));
}

/** Clients of this node's own server that have the same device: it may be they who hold it. */
function holderFacts(mapping: MappingStatus, status: Status): Fact[] {
  return status.exports.flatMap(({ device, clients }) =>
    clients.some(({ mapping_path }) => mapping_path === mapping.device_path)
      ? clients.flatMap(({ sessname, access_mode }) =>
        fact("open_here", `${device} by ${sessname} (${access_mode})`)
      )
      : []
  );
}

/** @param steps what is missing about it */
export function explainMapping(
  mapping: MappingStatus,
  status: Status,
  steps: readonly PlanStep[],
  events: readonly ApplianceEvent[],
): Explanation {
  const { name, sessname, device_path, access_mode, state, device } = mapping;
  const session = status.sessions.find((one) => one.sessname === sessname);
  const what = `${device_path} of session ${sessname}`;
  const common = { kind: "mapping", name, state, next_try_ms: mapping.next_try_ms } as const;
  const facts = [
    ...fact("device", device),
    ...fact("device_path", device_path),
    ...fact("access_mode", access_mode),
    ...fact("origin", mapping.origin),
    ...fact("sessname", sessname),
    ...fact("session", session?.state ?? "there is none"),
    ...fact("dest_port", session?.dest_port),
    ...pathFacts(session?.paths ?? []),
    ...pendingFacts(steps),
  ];
  if (state === "open") {
    const summary = `${name} is open: ${what} is ${device}`;
    return { ...common, summary, last_error: null, cause: null, advice: [], facts };
  }
  const wait = mapping.next_try_ms === null
    ? "it is not tried again by itself"
    : `the next try is in ${formatDuration(mapping.next_try_ms)}`;
  const isAbout = ({ event, fields }: ApplianceEvent) =>
    event.startsWith("mapping") && fields.name === name;
  return {
    ...common,
    summary: `${name} is closed: ${what} cannot be used; ${wait}`,
    last_error: mapping.last_error,
    ...causeOfClosed(mapping, session),
    facts: [...facts, ...holderFacts(mapping, status), ...troubleFacts(events, isAbout)],
  };
}
