/** How the node is, in one line for `systemctl status`: what is there, then what is not well. */
import type { MappingStatus, Status } from "../status.ts";
import { STATUS_CHARACTERS_MAX } from "./limits.ts";

/** Closed mappings that are named; the others are counted. */
const NAMED_MAX = 5;

/** @param silent reactors that do not answer */
export function statusLine(status: Status, silent: readonly number[]): string {
  const problems = [
    silentText(silent),
    staleText(status),
    closedText(status.mappings),
    pendingText(status),
  ].filter((text) => text !== "");
  return cut([countsText(status), ...problems].join("; "));
}

function countsText({ mappings, sessions, listeners, exports, clients }: Status): string {
  const counts: string[] = [];
  if (mappings.length > 0) {
    const open = mappings.filter(({ state }) => state === "open").length;
    counts.push(`${open} of ${some(mappings.length, "mapping")} open`);
  }
  if (sessions.length > 0) {
    const connected = sessions.filter(({ state }) => state === "connected").length;
    const all = some(sessions.length, "session");
    counts.push(connected === sessions.length ? all : `${connected} of ${all} connected`);
  }
  if (listeners.length > 0) {
    counts.push(some(clients.length, "client"), some(exports.length, "open export"));
  }
  return counts.length === 0 ? "nothing mapped, nothing served" : counts.join(", ");
}

const some = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function silentText(silent: readonly number[]): string {
  if (silent.length === 0) return "";
  return silent.length === 1
    ? `reactor ${silent[0]} does not answer`
    : `reactors ${silent.join(", ")} do not answer`;
}

function staleText({ config }: Status): string {
  if (config.state === "current") return "";
  const [first, ...others] = config.stale_because;
  const more = others.length === 0 ? "" : ` and ${some(others.length, "other error")}`;
  return `the config files are wrong, the config before them goes on: ${first ?? ""}${more}`;
}

function closedText(mappings: readonly MappingStatus[]): string {
  const closed = mappings.filter(({ state }) => state !== "open");
  if (closed.length === 0) return "";
  const named = closed.slice(0, NAMED_MAX).map(({ name, last_errno }) =>
    last_errno === null ? name : `${name} (${last_errno})`
  );
  const others = closed.length - named.length;
  return `closed: ${named.join(", ")}${others === 0 ? "" : ` and ${others} more`}`;
}

/** What the config asks for and is not done, besides mappings that are closed. */
function pendingText({ config, mappings }: Status): string {
  const closed = new Set(mappings.filter(({ state }) => state !== "open").map(({ name }) => name));
  const pending = config.pending.filter(({ kind, name }) =>
    kind !== "mapping" || !closed.has(name)
  );
  return pending.length === 0 ? "" : `${some(pending.length, "change")} of the config pending`;
}

function cut(text: string): string {
  const characters = [...text];
  if (characters.length <= STATUS_CHARACTERS_MAX) return text;
  return `${characters.slice(0, STATUS_CHARACTERS_MAX - 1).join("")}…`;
}
