/** Clients that were turned away lately: who, from what, why, how often. */
import type { RefusalStatus } from "../status.ts";

/** Of each kind: a flood of one does not hide the other. */
const REMEMBERED_MAX = 32;

/** What happened; time and count are kept here. */
export type Refusal = Pick<
  RefusalStatus,
  "kind" | "client" | "device_path" | "reason" | "errno"
>;

/** See the head of this file. */
export class RefusalList {
  /** In the order of their last time. */
  private readonly remembered = new Map<string, RefusalStatus>();
  /** Of opens, by what the client was told. */
  private readonly openCounts = new Map<string, number>();

  constructor(private readonly now: () => Date = () => new Date()) {}

  add(refusal: Refusal): void {
    const { kind, client, device_path, reason, errno } = refusal;
    const key = JSON.stringify([kind, client, device_path, reason, errno]);
    const time = this.now().toISOString();
    const known = this.remembered.get(key);
    this.remembered.delete(key);
    this.remembered.set(key, {
      ...refusal,
      count: (known?.count ?? 0) + 1,
      first_time: known?.first_time ?? time,
      last_time: time,
    });
    if (kind === "open") this.countOpen(`open_${errno?.toLowerCase() ?? "unknown"}`);
    const sameKind = [...this.remembered].filter(([, other]) => other.kind === kind);
    if (sameKind.length > REMEMBERED_MAX) this.remembered.delete(sameKind[0]![0]);
  }

  private countOpen(name: string): void {
    this.openCounts.set(name, (this.openCounts.get(name) ?? 0) + 1);
  }

  /** Refused opens since the start, forgotten ones too, by errno (`open_eperm`). */
  opens(): Record<string, number> {
    return Object.fromEntries(this.openCounts);
  }

  /** The last one first. */
  list(): RefusalStatus[] {
    return [...this.remembered.values()].reverse();
  }
}
