/** Who has a device of this server open, who writes, and who was turned away. */
import type { Explanation } from "../appliance_api.ts";
import type {
  ExportClient,
  ExportRuleStatus,
  ExportStatus,
  PlanStep,
  RefusalStatus,
} from "../status.ts";
import { APPLY, quoted } from "./cause.ts";
import { fact, pendingFacts, refusalFacts } from "./facts.ts";

function list(clients: readonly ExportClient[]): string {
  return clients.map(({ sessname, access_mode }) => `${sessname} (${access_mode})`).join(" and ");
}

/** `store-1 (rw) writes; 2 clients read` */
function sharing(clients: readonly ExportClient[]): string {
  const writers = clients.filter(({ access_mode }) => access_mode !== "ro");
  const readers = clients.length - writers.length;
  const reading = readers === 0
    ? []
    : [`${readers} ${readers === 1 ? "client reads" : "clients read"}`];
  const writing = writers.length === 0
    ? ["nobody writes"]
    : [`${list(writers)} ${writers.length === 1 ? "writes" : "write"}`];
  return [...writing, ...reading].join("; ");
}

/** @param refusals of opens of the device */
export function explainExport(
  open: ExportStatus,
  refusals: readonly RefusalStatus[],
  steps: readonly PlanStep[],
): Explanation {
  const { device, clients } = open;
  const writers = clients.filter(({ access_mode }) => access_mode !== "ro");
  const common = {
    kind: "export",
    name: device,
    state: "open",
    summary: `${device} is open: ${sharing(clients)}`,
    last_error: null,
    next_try_ms: null,
    facts: [
      ...fact("size_bytes", open.size_bytes),
      ...clients.flatMap(({ sessname, mapping_path, access_mode, is_allowed }) =>
        fact(
          "client",
          `${sessname} has it as ${mapping_path} (${access_mode})` +
            (is_allowed ? "" : ", which the exports do not allow any more"),
        )
      ),
      ...refusalFacts(refusals),
      ...pendingFacts(steps),
    ],
  } as const;
  const leftOver = clients.find(({ is_allowed }) => !is_allowed);
  if (leftOver !== undefined) {
    return {
      ...common,
      cause: `The exports do not allow it to ${leftOver.sessname} (${leftOver.access_mode}) any ` +
        "more; it stays open until that client closes it.",
      advice: [
        `unmap it at ${leftOver.sessname}`,
        "or take it away; its I/O fails then: " +
        `\`rnbd-appliance close ${quoted(device)} ${quoted(leftOver.sessname)} --force\``,
      ],
    };
  }
  if (writers.length > 1) return { ...common, ...migration(device, writers) };
  return { ...common, cause: null, advice: [] };
}

/** Two writers: right for as long as a guest moves, and not longer. */
function migration(device: string, writers: readonly ExportClient[]) {
  const [first, second] = [writers[0]!, writers[1]!];
  return {
    cause: `A migration is under way: ${list(writers)} may both write. That is right while a ` +
      "guest moves from one to the other; nothing but the two keeps their writes apart.",
    advice: [
      `when the guest has moved, unmap it at its old host (${first.sessname}, if it moved to ` +
      `${second.sessname})`,
      "or take it away from the old host: " +
      `\`rnbd-appliance close ${quoted(device)} ${quoted(first.sessname)} --force\``,
    ],
  };
}

/** A rule through which nobody has anything open. */
export function explainRule(
  rule: ExportRuleStatus,
  refusals: readonly RefusalStatus[],
  steps: readonly PlanStep[],
): Explanation {
  const { device_path, sessname, access_mode, backend } = rule;
  const who = sessname === "*" ? "every client" : `clients whose session is called ${sessname}`;
  return {
    kind: "export",
    name: device_path,
    state: "closed",
    summary: `${device_path} is exported to ${who} (at most ${access_mode}); nobody has it open`,
    last_error: null,
    cause: null,
    next_try_ms: null,
    advice: [],
    facts: [...fact("backend", backend), ...refusalFacts(refusals), ...pendingFacts(steps)],
  };
}

/** A device that nobody has, and that somebody wanted. The last refusal comes first. */
export function explainRefusedDevice(
  device_path: string,
  refusals: readonly RefusalStatus[],
): Explanation {
  const { client, reason } = refusals[0]!;
  return {
    kind: "export",
    name: device_path,
    state: "refused",
    summary: `${device_path} is not open; it was refused to ${client}`,
    last_error: reason,
    cause: "A client asked for it and was refused: the last error says why.",
    next_try_ms: null,
    advice: [
      `see what may be opened, and who holds what: \`rnbd-appliance status\``,
      `if the client should have it, add or change a [[server.export]]: ${APPLY}`,
    ],
    facts: refusalFacts(refusals),
  };
}
