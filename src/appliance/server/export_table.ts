/** What this node exports: decides what a client may open, and opens it. */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import type { ControlLoop } from "../../ring/control_loop.ts";
import type { AccessModeName } from "../../rnbd/access_mode.ts";
import type { BackendTicket } from "../../rnbd/backend.ts";
import { currentSizeBytes } from "../../rnbd/backends/current_size.ts";
import { composeDevicePath, DevicePathError } from "../../rnbd/server/device_path.ts";
import {
  asReadOnly,
  closeBackend,
  openBackend,
  reopenBackend,
} from "../../rnbd/server/open_backend.ts";
import type { ExportOpener, OpenOutcome } from "../../rnbd/server/server.ts";
import type { ExportConfig, ServerConfig } from "../config/config.ts";
import { findRule, ruleKey } from "./export_rules.ts";
import { log } from "../log.ts";
import { type MadeDisk, MadeDisks } from "./made_disks.ts";

/** Something that a client has open. */
interface OpenExport {
  readonly sessname: string;
  readonly devicePath: string;
  readonly mode: AccessModeName;
  /** Of the rule that allowed it; undefined: there were no rules. */
  readonly ruleKey: string | undefined;
  /** What was made here for the rule. */
  readonly disk: MadeDisk | undefined;
}

/** See the head of this file. */
export class ExportTable implements ExportOpener {
  private readonly made: MadeDisks;
  private inForce: readonly ExportConfig[] = [];
  /** By the tickets that it was opened with. */
  private readonly opened = new Map<readonly BackendTicket[], OpenExport>();

  /** @throws RangeError when memory disks do not fit the arena */
  constructor(
    private readonly loop: ControlLoop,
    private readonly config: Pick<ServerConfig, "devSearchPath" | "ioMode" | "exports">,
    private readonly reactors: number,
  ) {
    this.made = new MadeDisks(loop.memory);
    this.setRules(config.exports);
  }

  /** What may be opened; none: everything below dev_search_path. */
  get rules(): readonly ExportConfig[] {
    return this.inForce;
  }

  /**
   * Rules for opens from now on. What is open stays open. Memory and null disks stay when their
   * rule does (device_path, sessname, backend, size, block size), else they go with their last
   * user.
   * @throws RangeError when memory disks do not fit the arena; nothing has changed then
   */
  setRules(rules: readonly ExportConfig[]): void {
    this.made.setRules(rules);
    this.inForce = rules;
  }

  /** True when a client could open it now. */
  allows(sessname: string, devicePath: string, mode: AccessModeName): boolean {
    const rule = findRule(this.inForce, sessname, devicePath, mode);
    return rule === undefined || !("errno" in rule);
  }

  /** Who has something open that this rule allowed: `SESSNAME (DEVICE_PATH, MODE)`. */
  holdersOf(rule: ExportConfig): string[] {
    const key = ruleKey(rule);
    return [...this.opened.values()]
      .filter((open) => open.ruleKey === key)
      .map(({ sessname, devicePath, mode }) => `${sessname} (${devicePath}, ${mode})`);
  }

  open(
    sessname: string,
    devicePath: string,
    mode: AccessModeName,
    done: (outcome: OpenOutcome) => void,
  ): void {
    const rule = findRule(this.inForce, sessname, devicePath, mode);
    if (rule !== undefined && "errno" in rule) return done(rule);
    const disk = rule === undefined ? undefined : this.made.of(rule);
    const ruled = rule === undefined ? undefined : ruleKey(rule);
    const remember = (outcome: OpenOutcome) => {
      if ("tickets" in outcome) {
        this.opened.set(outcome.tickets, { sessname, devicePath, mode, ruleKey: ruled, disk });
      }
      done(outcome);
    };
    if (disk !== undefined) {
      this.made.hold(disk, sessname);
      const ticket = mode === "ro" ? asReadOnly(disk.ticket) : disk.ticket;
      const tickets = Array.from({ length: this.reactors }, () => ticket);
      return remember({ tickets, device: disk.device });
    }
    this.openPath(sessname, devicePath, mode, rule?.ioMode ?? this.config.ioMode)
      .then(remember, (error: unknown) => {
        const errno = error instanceof SystemError || error instanceof DevicePathError
          ? error.errno
          : ERRNO.EIO;
        done({ errno, reason: error instanceof Error ? error.message : String(error) });
      });
  }

  private async openPath(
    sessname: string,
    devicePath: string,
    accessMode: AccessModeName,
    ioMode: "fileio" | "blockio",
  ): Promise<OpenOutcome> {
    const path = composeDevicePath(this.config.devSearchPath, sessname, devicePath);
    const tickets: BackendTicket[] = [await openBackend(this.loop, { path, accessMode, ioMode })];
    try {
      // The kernel reports a failed write-back once an open file: each reactor has its own.
      while (tickets.length < this.reactors) {
        tickets.push(await reopenBackend(this.loop, tickets[0]!));
      }
    } catch (error) {
      this.close(tickets);
      throw error;
    }
    return { tickets, device: path };
  }

  currentSizeBytes(ticket: BackendTicket): number {
    return currentSizeBytes(ticket);
  }

  close(tickets: readonly BackendTicket[]): void {
    const open = this.opened.get(tickets);
    this.opened.delete(tickets);
    if (open?.disk !== undefined) return this.made.letGo(open.disk);
    for (const ticket of tickets) {
      closeBackend(this.loop, ticket).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        log.error("close failed", { device: "path" in ticket ? ticket.path : "", reason });
      });
    }
  }

  /** The connections of a session have ended. */
  onSessionEnded(sessname: string): void {
    this.made.onSessionEnded(sessname);
  }
}
