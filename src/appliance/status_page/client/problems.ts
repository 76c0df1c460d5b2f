/** What of a status wants a person's attention. */
import type { IoStatistics, PathStatus, Status } from "../../status.ts";
import { count, moment, plural } from "./format.ts";
import { errorsIn } from "./record_status.ts";

/** What can be asked about. */
export interface Subject {
  readonly kind: "mapping" | "session" | "export" | "client" | "config";
  readonly name: string;
}

/** One thing that is not as it should be. */
export interface Problem {
  readonly severity: "bad" | "warn";
  /** What is wrong, in one sentence without its stop. */
  readonly text: string;
  /** Why, as far as the status says. */
  readonly detail: string;
  readonly subject: Subject;
}

/** The name that the config goes by when it is to be explained. */
export const CONFIG_NAME = "config";

/** The two ends of a path, as the command line takes them. */
export const pathName = ({ src_addr, dst_addr }: PathStatus): string =>
  src_addr === "" ? dst_addr : `${src_addr},${dst_addr}`;

function configProblems({ config }: Status): Problem[] {
  const found: Problem[] = [];
  const subject: Subject = { kind: "config", name: CONFIG_NAME };
  if (config.state === "stale") {
    const since = config.stale_since === null ? "" : ` since ${moment(config.stale_since)}`;
    const text = `Config is stale${since}: the config before it goes on`;
    found.push({ severity: "bad", text, detail: config.stale_because.join("; "), subject });
  }
  const failed = config.pending.filter(({ last_error }) => last_error !== null);
  if (failed.length > 0) {
    const text = `${plural(failed.length, "step")} of the config failed and will be tried again`;
    const [{ action, kind, name, last_error }] = failed as [typeof failed[number]];
    const detail = `${action} ${kind} ${name}: ${last_error}`;
    found.push({ severity: "warn", text, detail, subject });
  } else if (config.pending.length > 0) {
    const text = `${plural(config.pending.length, "step")} until the node is as its config says`;
    const waits = config.pending.find(({ waits_for }) => waits_for !== null)?.waits_for;
    found.push({ severity: "warn", text, detail: waits ?? "", subject });
  }
  return found;
}

function sessionProblems({ sessions, mappings }: Status): Problem[] {
  return sessions.flatMap((session): Problem[] => {
    const { sessname: name, paths } = session;
    const subject: Subject = { kind: "session", name };
    const lost = paths.filter(({ state }) => state !== "connected");
    if (session.state !== "connected") {
      const held = mappings.filter(({ sessname, state }) =>
        sessname === name && state === "closed"
      );
      const text = `Session ${name} is disconnected` +
        (held.length === 0 ? "" : `: ${plural(held.length, "mapping")} closed`);
      const errors = lost.flatMap(({ last_error }) => last_error ?? []);
      return [{ severity: "bad", text, detail: [...new Set(errors)].join("; "), subject }];
    }
    return lost.map((path) => ({
      severity: "warn",
      text: `Path ${pathName(path)} of session ${name} is disconnected`,
      detail: path.last_error ?? "",
      subject,
    }));
  });
}

/** Mappings whose session works; the others are told of with their session. */
function mappingProblems({ sessions, mappings }: Status): Problem[] {
  const isLost = new Set(
    sessions.filter(({ state }) => state !== "connected").map(({ sessname }) => sessname),
  );
  return mappings.filter(({ state, sessname }) => state === "closed" && !isLost.has(sessname))
    .map(({ name, last_error }) => ({
      severity: "bad",
      text: `Mapping ${name} is closed`,
      detail: last_error ?? "",
      subject: { kind: "mapping", name },
    }));
}

function clientProblems({ clients }: Status): Problem[] {
  return clients.flatMap(({ sessname: name, paths }) =>
    paths.filter(({ state }) => state !== "connected").map((path): Problem => ({
      severity: "warn",
      text: `Path ${pathName(path)} of client ${name} is disconnected`,
      detail: path.last_error ?? "",
      subject: { kind: "client", name },
    }))
  );
}

/** What had requests that failed lately. */
function ioProblems(status: Status, hasLateErrors: (subject: Subject) => boolean): Problem[] {
  const all: readonly (readonly [Subject, IoStatistics])[] = [
    ...status.mappings.map(({ name, io }) => [{ kind: "mapping", name }, io] as const),
    ...status.exports.map(({ device, io }) => [{ kind: "export", name: device }, io] as const),
  ];
  const found = all.filter(([subject, io]) => errorsIn(io) > 0 && hasLateErrors(subject));
  return found.map(([subject, io]) => ({
    severity: "warn",
    text: `I/O errors at ${subject.kind} ${subject.name} in the last two minutes`,
    detail: `${count(errorsIn(io))} since the start`,
    subject,
  }));
}

/** Everything that is wrong, the worst first. */
export function findProblems(
  status: Status,
  hasLateErrors: (subject: Subject) => boolean = () => false,
): Problem[] {
  const found = [
    ...configProblems(status),
    ...sessionProblems(status),
    ...mappingProblems(status),
    ...clientProblems(status),
    ...ioProblems(status, hasLateErrors),
  ];
  return found.sort((a, b) => Number(a.severity === "warn") - Number(b.severity === "warn"));
}
