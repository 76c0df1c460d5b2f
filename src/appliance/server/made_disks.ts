/**
 * Disks that exist by their export only: memory and null. Each belongs to one rule, whose key
 * names it, and lives until the rule is gone and nobody has it open; then its content is lost.
 */
import type { ArenaAllocator } from "../../ring/arena.ts";
import type { BackendTicket } from "../../rnbd/backend.ts";
import {
  makeMemoryBackend,
  makeNullBackend,
  releaseMemoryBackend,
} from "../../rnbd/server/open_backend.ts";
import type { ExportConfig } from "../config/config.ts";
import { ruleKey } from "./export_rules.ts";

/** A disk that was made here. */
export class MadeDisk {
  /** Opens of it that have not been closed. */
  holders = 0;
  /** Sessions that had it open: answers to them may still be sent from its memory. */
  readonly sessions = new Set<string>();

  constructor(
    /** What status calls it. */
    readonly device: string,
    readonly ticket: BackendTicket,
  ) {}
}

function makeDisk(
  memory: ArenaAllocator,
  rule: ExportConfig,
  taken: ReadonlySet<string>,
): MadeDisk {
  const { devicePath, backend, sizeBytes, logicalBlockBytes } = rule;
  let name = devicePath;
  // The disk that a changed rule had before is still there while it is open.
  for (let n = 2; taken.has(`${backend}:${name}`); n++) name = `${devicePath}#${n}`;
  const ticket = backend === "memory"
    ? makeMemoryBackend(memory, name, sizeBytes, logicalBlockBytes)
    : makeNullBackend(name, sizeBytes, logicalBlockBytes);
  return new MadeDisk(`${backend}:${name}`, ticket);
}

/** See the head of this file. */
export class MadeDisks {
  /** By rule key: what rules have, and what is open although its rule is gone. */
  private readonly byKey = new Map<string, MadeDisk>();
  private ruled: ReadonlySet<string> = new Set();
  /** Nobody gets them any more; their memory waits for the sessions that had them open. */
  private readonly leaving = new Set<MadeDisk>();

  constructor(private readonly memory: ArenaAllocator) {}

  /** The disk of a rule; undefined when the rule is about paths. */
  of(rule: ExportConfig): MadeDisk | undefined {
    return this.byKey.get(ruleKey(rule));
  }

  /**
   * Makes the disks of new rules, drops those of rules that are gone.
   * @throws RangeError when there is no room for them; nothing has changed then
   */
  setRules(rules: readonly ExportConfig[]): void {
    const made = new Map<string, MadeDisk>();
    const taken = new Set([...this.byKey.values(), ...this.leaving].map(({ device }) => device));
    try {
      for (const rule of rules) {
        const key = ruleKey(rule);
        if (rule.backend === "path" || this.byKey.has(key) || made.has(key)) continue;
        const disk = makeDisk(this.memory, rule, taken);
        made.set(key, disk);
        taken.add(disk.device);
      }
    } catch (error) {
      for (const { ticket } of made.values()) releaseMemoryBackend(this.memory, ticket);
      throw error;
    }
    for (const [key, disk] of made) this.byKey.set(key, disk);
    this.ruled = new Set(rules.map(ruleKey));
    for (const key of [...this.byKey.keys()]) this.checkUnused(key);
  }

  /** A client of that session name opens the disk. */
  hold(disk: MadeDisk, sessname: string): void {
    disk.holders++;
    disk.sessions.add(sessname);
  }

  /** Undoes one {@link hold}. */
  letGo(disk: MadeDisk): void {
    disk.holders--;
    for (const [key, other] of this.byKey) if (other === disk) return this.checkUnused(key);
  }

  /** The connections of a session have ended: nothing of it refers to memory any more. */
  onSessionEnded(sessname: string): void {
    for (const disk of this.byKey.values()) disk.sessions.delete(sessname);
    for (const disk of [...this.leaving]) {
      disk.sessions.delete(sessname);
      this.checkLeft(disk);
    }
  }

  private checkUnused(key: string): void {
    const disk = this.byKey.get(key)!;
    if (this.ruled.has(key) || disk.holders > 0) return;
    this.byKey.delete(key);
    this.leaving.add(disk);
    this.checkLeft(disk);
  }

  private checkLeft(disk: MadeDisk): void {
    if (disk.sessions.size > 0) return;
    this.leaving.delete(disk);
    releaseMemoryBackend(this.memory, disk.ticket);
  }
}
