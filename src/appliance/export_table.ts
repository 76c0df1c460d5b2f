/** What this node exports: decides what a client may open, and opens it. */
import { ERRNO, SystemError } from "../ffi/errno.ts";
import type { ControlLoop } from "../ring/control_loop.ts";
import type { AccessModeName } from "../rnbd/access_mode.ts";
import type { BackendTicket } from "../rnbd/backend.ts";
import { composeDevicePath, DevicePathError } from "../rnbd/server/device_path.ts";
import {
  asReadOnly,
  closeBackend,
  makeMemoryBackend,
  makeNullBackend,
  openBackend,
  reopenBackend,
} from "../rnbd/server/open_backend.ts";
import { currentSizeBytes } from "../rnbd/backends/current_size.ts";
import type { ExportOpener, OpenOutcome } from "../rnbd/server/server.ts";
import type { ExportConfig, ServerConfig } from "./config/config.ts";
import { log } from "./log.ts";

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

/** See the head of this file. */
export class ExportTable implements ExportOpener {
  /** Disks made here, by the rule that made them. */
  private readonly made = new Map<ExportConfig, BackendTicket>();

  /** @throws RangeError when memory disks do not fit the arena */
  constructor(
    private readonly loop: ControlLoop,
    private readonly config: ServerConfig,
    private readonly reactors: number,
  ) {
    for (const rule of config.exports) {
      const { devicePath, sizeBytes, logicalBlockBytes } = rule;
      if (rule.backend === "memory") {
        this.made.set(
          rule,
          makeMemoryBackend(loop.memory, devicePath, sizeBytes, logicalBlockBytes),
        );
      } else if (rule.backend === "null") {
        this.made.set(rule, makeNullBackend(devicePath, sizeBytes, logicalBlockBytes));
      }
    }
  }

  open(
    sessname: string,
    devicePath: string,
    mode: AccessModeName,
    done: (outcome: OpenOutcome) => void,
  ): void {
    const rule = this.findRule(sessname, devicePath, mode);
    if (rule !== undefined && "errno" in rule) return done(rule);
    const made = rule === undefined ? undefined : this.made.get(rule);
    if (made !== undefined) {
      const ticket = mode === "ro" ? asReadOnly(made) : made;
      const tickets = Array.from({ length: this.reactors }, () => ticket);
      return done({ tickets, device: `${made.kind}:${rule!.devicePath}` });
    }
    this.openPath(sessname, devicePath, mode, rule?.ioMode ?? this.config.ioMode)
      .then(done, (error: unknown) => {
        const errno = error instanceof SystemError || error instanceof DevicePathError
          ? error.errno
          : ERRNO.EIO;
        done({ errno, reason: error instanceof Error ? error.message : String(error) });
      });
  }

  private findRule(
    sessname: string,
    devicePath: string,
    mode: AccessModeName,
  ): ExportConfig | undefined | { errno: number; reason: string } {
    if (this.config.exports.length === 0) return undefined;
    const name = normalizedName(devicePath);
    const matching = this.config.exports.filter((rule) =>
      matchesPattern(normalizedName(rule.devicePath), name) &&
      matchesPattern(rule.sessname, sessname)
    );
    if (matching.length === 0) {
      return { errno: ERRNO.ENOENT, reason: `no export allows ${devicePath} to ${sessname}` };
    }
    return matching.find((rule) => admits(rule, mode)) ?? {
      errno: ERRNO.EPERM,
      reason: `the exports allow ${devicePath} to ${sessname}, but not ${mode}`,
    };
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
    for (const ticket of tickets) {
      // What was made here belongs to the export and lives as long as the program.
      if (ticket.kind !== "file" && ticket.kind !== "block") continue;
      closeBackend(this.loop, ticket).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        log.error("close failed", { device: ticket.path, reason });
      });
    }
  }
}
