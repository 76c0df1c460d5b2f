/** How a client of this server is connected, and what it may not have. */
import type { Explanation } from "../appliance_api.ts";
import type { RefusalStatus, ServerSessionStatus, Status } from "../status.ts";
import { APPLY, quoted } from "./cause.ts";
import { fact, pathFacts, refusalFacts, times } from "./facts.ts";

/** @param refusals of this client */
export function explainClient(
  session: ServerSessionStatus,
  status: Status,
  refusals: readonly RefusalStatus[],
): Explanation {
  const { sessname, devices, paths, force_closed } = session;
  const isUp = paths.some(({ state }) => state === "connected");
  const held = status.exports.flatMap(({ device, clients }) =>
    clients.filter((client) => client.sessname === sessname)
      .flatMap(({ access_mode }) => fact("device", `${device} (${access_mode})`))
  );
  const common = {
    kind: "client",
    name: sessname,
    state: isUp ? "connected" : "disconnected",
    summary: `client ${sessname} is ${isUp ? "connected" : "going away"} and has ` +
      `${devices} ${devices === 1 ? "device" : "devices"} open`,
    last_error: paths.find(({ last_error }) => last_error !== null)?.last_error ?? null,
    next_try_ms: null,
    facts: [
      ...pathFacts(paths),
      ...fact("inflight", session.inflight),
      ...held,
      ...refusalFacts(refusals),
    ],
  } as const;
  if (force_closed.length > 0) {
    const names = force_closed.join(", ");
    return {
      ...common,
      cause:
        `${names} was taken away from it by hand, and its I/O there fails; it has not let go ` +
        "of it yet.",
      advice: [
        "map it anew at the client, or unmap it there: on the client, " +
        "`rnbd-appliance remap NAME` or `rnbd-appliance unmap NAME`",
      ],
    };
  }
  if (!isUp) {
    return {
      ...common,
      cause: "Its connections are closed; what it had running is being finished.",
      advice: [
        "if this lasts, a disk does not answer: see what waits with `rnbd-appliance inflight`",
      ],
    };
  }
  return { ...common, cause: null, advice: [] };
}

/** A client that is not connected, and was turned away. The last refusal comes first. */
export function explainRefusedClient(
  name: string,
  refusals: readonly RefusalStatus[],
): Explanation {
  const { kind, reason } = refusals[0]!;
  return {
    kind: "client",
    name,
    state: "refused",
    summary: `client ${name} is not connected; it was turned away ${times(refusals[0]!.count)}`,
    last_error: reason,
    cause: kind === "connect"
      ? "Its connection was refused or cut: the last error says why."
      : "It asked for a device and was refused: the last error says why.",
    next_try_ms: null,
    advice: [
      `look at the client: there, \`rnbd-appliance explain ${quoted(name)}\``,
      `if it should have what it asked for, add or change a [[server.export]]: ${APPLY}`,
    ],
    facts: refusalFacts(refusals),
  };
}
