/** The `[[server.export]]` of a config as a question: may this client open that, and by which. */
import { ERRNO } from "../../ffi/errno.ts";
import type { AccessModeName } from "../../rnbd/access_mode.ts";
import type { ExportConfig } from "../config/config.ts";

/** Why nothing allows it; `errno` is what the client is told. */
export interface RuleRefusal {
  readonly errno: number;
  readonly reason: string;
}

/** True when `text` matches `pattern`, in which `*` stands for any characters. */
export function matchesPattern(pattern: string, text: string): boolean {
  const escaped = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`, "s").test(text);
}

/** A name as patterns see it: no slash in front, none doubled. */
function normalizedName(devicePath: string): string {
  return devicePath.replace(/\/{2,}/g, "/").replace(/^\//, "");
}

/** An export that may write admits everything; a read-only one admits readers. */
function admits(rule: ExportConfig, mode: AccessModeName): boolean {
  return mode === "ro" || rule.accessMode === "migration" || rule.accessMode === mode;
}

/** Rules with the same key have the same disk: the rest of a rule can change while it is in use. */
export function ruleKey(rule: ExportConfig): string {
  const { devicePath, sessname, backend, sizeBytes, logicalBlockBytes } = rule;
  return JSON.stringify([devicePath, sessname, backend, sizeBytes, logicalBlockBytes]);
}

/**
 * The rule that lets a client open a device, the first that fits.
 * @returns undefined when there are no rules: everything below dev_search_path is allowed
 */
export function findRule(
  rules: readonly ExportConfig[],
  sessname: string,
  devicePath: string,
  mode: AccessModeName,
): ExportConfig | RuleRefusal | undefined {
  if (rules.length === 0) return undefined;
  const name = normalizedName(devicePath);
  const matching = rules.filter((rule) =>
    matchesPattern(normalizedName(rule.devicePath), name) && matchesPattern(rule.sessname, sessname)
  );
  if (matching.length === 0) {
    return { errno: ERRNO.ENOENT, reason: `no export allows ${devicePath} to ${sessname}` };
  }
  return matching.find((rule) => admits(rule, mode)) ?? {
    errno: ERRNO.EPERM,
    reason: `the exports allow ${devicePath} to ${sessname}, but not ${mode}`,
  };
}
