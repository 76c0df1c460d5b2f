/**
 * Steps about exports. Removals wait until everything is there that should be: a server without
 * any rule exports everything.
 */
import type { ActualExport } from "./actual.ts";
import { exportKey, exportName } from "./desired.ts";
import type { Actual } from "./actual.ts";
import type { ExportConfig } from "../config/config.ts";
import { exportChanges } from "./differences.ts";
import { type Step, step } from "./step.ts";

/** These make another disk; all else only decides about the next one who opens it. */
const DISK_KEYS: ReadonlySet<string> = new Set(["backend", "size", "logical_block_size"]);

/** What is open stays open: a rule only decides about the next OPEN. */
function kept(what: string, { holders }: ActualExport): string {
  if (holders.length === 0) return what;
  const keep = holders.length === 1 ? "keeps" : "keep";
  return `${what}; ${holders.join(", ")} ${keep} it until it is closed`;
}

/** All steps about exports, in their order. */
export function exportSteps(actual: Actual, rules: readonly ExportConfig[]): Step[] {
  const order = rules.map(exportKey);
  const existing = new Map(actual.exports.map((one) => [exportKey(one.config), one]));
  const wanted = new Set(order);
  const added = rules.filter((rule) => !existing.has(exportKey(rule)))
    .map((rule) => addition(rule, order));
  const changed = rules.flatMap((rule) => {
    const before = existing.get(exportKey(rule));
    return before === undefined ? [] : change(before, rule, order);
  });
  const removed = [...existing].filter(([key]) => !wanted.has(key))
    .map(([key, before]) => removal(key, before, order, added.length === 0));
  const isOnlyOrder = added.length + changed.length + removed.length === 0;
  return isOnlyOrder
    ? sorting([...existing.keys()], rules, order)
    : [...added, ...changed, ...removed];
}

function addition(rule: ExportConfig, order: readonly string[]): Step {
  return step({
    action: "add",
    kind: "export",
    name: exportName(rule),
    reason: "declared, and not exported",
    work: { kind: "setExport", edit: { key: exportKey(rule), rule, order } },
  });
}

function change(before: ActualExport, rule: ExportConfig, order: readonly string[]): Step[] {
  const changes = exportChanges(before.config, rule);
  if (changes.length === 0) return [];
  const isRemake = changes.some(({ key }) => DISK_KEYS.has(key));
  return [step({
    action: isRemake ? "remake" : "change",
    kind: "export",
    name: exportName(rule),
    reason: kept(
      isRemake ? "it becomes another disk; what it held is lost" : "the file says so",
      before,
    ),
    changes,
    work: { kind: "setExport", edit: { key: exportKey(rule), rule, order } },
  })];
}

function removal(
  key: string,
  before: ActualExport,
  order: readonly string[],
  isReady: boolean,
): Step {
  return step({
    action: "remove",
    kind: "export",
    name: exportName(before.config),
    reason: kept("no file names it any more", before),
    work: { kind: "setExport", edit: { key, rule: undefined, order } },
    isReady,
  });
}

function sorting(
  existing: readonly string[],
  rules: readonly ExportConfig[],
  order: readonly string[],
): Step[] {
  const at = existing.findIndex((key, i) => key !== order[i]);
  if (at < 0) return [];
  const rule = rules[at]!;
  return [step({
    action: "change",
    kind: "export",
    name: exportName(rule),
    reason: "the order of the exports changed: the first that matches decides",
    work: { kind: "setExport", edit: { key: exportKey(rule), rule, order } },
  })];
}

/** The rules after an edit, in the order of the files; what these do not name any more is last. */
export function editedExports(
  rules: readonly ExportConfig[],
  edit: { readonly key: string; readonly rule: ExportConfig | undefined; order: readonly string[] },
): ExportConfig[] {
  const others = rules.filter((rule) => exportKey(rule) !== edit.key);
  const edited = edit.rule === undefined ? others : [...others, edit.rule];
  const place = (rule: ExportConfig) => {
    const at = edit.order.indexOf(exportKey(rule));
    return at < 0 ? edit.order.length : at;
  };
  return edited.toSorted((a, b) => place(a) - place(b));
}
