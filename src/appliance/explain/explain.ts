/** Why something is as it is: from the status and what happened lately to words for people. */
import type { ApplianceEvent, Explanation } from "../appliance_api.ts";
import { notFound } from "../not_found.ts";
import type { PlanKind, PlanStep, Status } from "../status.ts";
import { explainClient, explainRefusedClient } from "./explain_client.ts";
import { explainConfig, explainMissing } from "./explain_config.ts";
import { explainExport, explainRefusedDevice, explainRule } from "./explain_export.ts";
import { explainMapping } from "./explain_mapping.ts";
import { explainSession } from "./explain_session.ts";

type Kind = Explanation["kind"];

/** The order in which a name is looked for. */
const KINDS: readonly Kind[] = ["mapping", "session", "export", "client", "config"];

const stepsOf = (status: Status, kind: PlanKind, name: string): PlanStep[] =>
  status.config.pending.filter((step) => step.kind === kind && step.name === name);

function findMapping(
  name: string,
  status: Status,
  events: readonly ApplianceEvent[],
): Explanation | undefined {
  const steps = stepsOf(status, "mapping", name);
  const mapping = status.mappings.find((one) => one.name === name || one.device === name);
  if (mapping !== undefined) return explainMapping(mapping, status, steps, events);
  return steps.length > 0 ? explainMissing(name, steps) : undefined;
}

function findSession(
  name: string,
  status: Status,
  events: readonly ApplianceEvent[],
): Explanation | undefined {
  const steps = stepsOf(status, "session", name);
  const session = status.sessions.find(({ sessname }) => sessname === name);
  if (session !== undefined) return explainSession(session, status, steps, events);
  return steps.length > 0 ? explainMissing(name, steps) : undefined;
}

function findExport(name: string, status: Status): Explanation | undefined {
  const steps = stepsOf(status, "export", name);
  const refusals = status.refusals.filter(({ device_path }) => device_path === name);
  const open = status.exports.find(({ device, clients }) =>
    device === name || clients.some(({ mapping_path }) => mapping_path === name)
  );
  if (open !== undefined) return explainExport(open, refusals, steps);
  const rule = status.export_rules.find(({ device_path }) => device_path === name);
  if (rule !== undefined) return explainRule(rule, refusals, steps);
  if (refusals.length > 0) return explainRefusedDevice(name, refusals);
  return steps.length > 0 ? explainMissing(name, steps) : undefined;
}

function findClient(name: string, status: Status): Explanation | undefined {
  const refusals = status.refusals.filter(({ client }) => client === name);
  const session = status.clients.find(({ sessname }) => sessname === name);
  if (session !== undefined) return explainClient(session, status, refusals);
  return refusals.length > 0 ? explainRefusedClient(name, refusals) : undefined;
}

function find(
  kind: Kind,
  name: string,
  status: Status,
  events: readonly ApplianceEvent[],
): Explanation | undefined {
  switch (kind) {
    case "mapping":
      return findMapping(name, status, events);
    case "session":
      return findSession(name, status, events);
    case "export":
      return findExport(name, status);
    case "client":
      return findClient(name, status);
    case "config":
      return name === "config" ? explainConfig(status) : undefined;
  }
}

/** Everything that can be asked for. */
function namesOf(status: Status): string[] {
  const names = [
    ...status.mappings.map(({ name }) => name),
    ...status.sessions.map(({ sessname }) => sessname),
    ...status.exports.map(({ device }) => device),
    ...status.export_rules.map(({ device_path }) => device_path),
    ...status.clients.map(({ sessname }) => sessname),
    ...status.config.pending.map(({ name }) => name),
    "config",
  ];
  return [...new Set(names)];
}

/**
 * Explains what is called so: a mapping (by its name or device), a session, an export (by its
 * device or what clients call it), a client, or the word `config`.
 * @param name alone, or behind its kind (`session backup`) where several things have it
 * @param events that are remembered, the oldest first
 * @throws ApplianceError ENOENT nothing is called so
 */
export function explain(
  name: string,
  status: Status,
  events: readonly ApplianceEvent[],
): Explanation {
  for (const kind of KINDS) {
    const found = find(kind, name, status, events);
    if (found !== undefined) return found;
  }
  for (const kind of KINDS) {
    if (!name.startsWith(`${kind} `)) continue;
    const found = find(kind, name.slice(kind.length + 1), status, events);
    if (found !== undefined) return found;
  }
  throw notFound(`Nothing is called ${name}`, name, namesOf(status));
}
