/** Why a session to a server is as it is. */
import type { ApplianceEvent, Explanation } from "../appliance_api.ts";
import type { PathStatus, PlanStep, SessionStatus, Status } from "../status.ts";
import { type Cause, quoted, type Subject } from "./cause.ts";
import { fact, pathFacts, pendingFacts, times, troubleFacts } from "./facts.ts";
import { errnoIn, findCause } from "./find_cause.ts";

function causeOfPath(session: SessionStatus, path: PathStatus): Cause {
  const { sessname, dest_port } = session;
  const { last_error } = path;
  const errno = path.last_errno ?? (last_error === null ? null : errnoIn(last_error));
  if (errno === null) {
    return {
      cause: `The path to ${path.dst_addr} was disconnected by hand, or is being connected.`,
      advice: [`connect it: \`rnbd-appliance reconnect ${quoted(sessname)}\``],
    };
  }
  const subject: Subject = {
    name: sessname,
    sessname,
    address: path.dst_addr,
    port: dest_port,
    devicePath: "",
    mode: "rw",
    expose: "nbd",
    error: last_error ?? "",
  };
  return findCause("connect", errno, subject);
}

/** How many of how many, in words. */
function pathCount(paths: readonly PathStatus[]): string {
  const up = paths.filter(({ state }) => state === "connected").length;
  if (paths.length === 1) return up === 1 ? "its path is connected" : "its path is down";
  return `${up} of its ${paths.length} paths ${up === 1 ? "is" : "are"} connected`;
}

/** @param steps what is missing about it */
export function explainSession(
  session: SessionStatus,
  status: Status,
  steps: readonly PlanStep[],
  events: readonly ApplianceEvent[],
): Explanation {
  const { sessname, state, paths } = session;
  const mappings = status.mappings.filter((mapping) => mapping.sessname === sessname);
  const down = paths.find((path) => path.state === "disconnected");
  const isLimited = session.max_reconnect_attempts >= 0;
  const facts = [
    ...pathFacts(paths),
    ...fact("dest_port", session.dest_port),
    ...fact("mappings", mappings.map(({ name }) => name).join(", ")),
    ...fact("reconnects", session.reconnects),
    ...fact("max_reconnect_attempts", isLimited ? session.max_reconnect_attempts : null),
    ...pendingFacts(steps),
  ];
  const nextTries = mappings.flatMap(({ next_try_ms }) => next_try_ms ?? []);
  const isDown = state === "disconnected";
  const common = {
    kind: "session",
    name: sessname,
    state,
    summary: `${sessname} is ${state}: ${pathCount(paths)}` +
      (session.reconnects === 0 ? "" : `; it was connected again ${times(session.reconnects)}`),
    next_try_ms: isDown && nextTries.length > 0 ? Math.min(...nextTries) : null,
  } as const;
  if (down === undefined) return { ...common, last_error: null, cause: null, advice: [], facts };
  const { cause, advice } = causeOfPath(session, down);
  const isAbout = ({ event, fields }: ApplianceEvent) =>
    event.startsWith("session") && fields.sessname === sessname;
  const gaveUp = isDown && isLimited && nextTries.length === 0
    ? [`it has used up its tries: \`rnbd-appliance reconnect ${quoted(sessname)}\` begins anew`]
    : [];
  return {
    ...common,
    last_error: down.last_error,
    cause: isDown ? cause : `${cause} The other paths carry the requests.`,
    advice: [...gaveUp, ...advice],
    facts: [...facts, ...(isDown ? troubleFacts(events, isAbout) : [])],
  };
}
