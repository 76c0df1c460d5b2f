/** The exports of a server, with what clients do to each device counted under its name. */
import type { AccessModeName } from "../../rnbd/access_mode.ts";
import type { BackendTicket } from "../../rnbd/backend.ts";
import type { ExportOpener, OpenOutcome } from "../../rnbd/server/server.ts";
import type { IoAccount, IoLedger } from "./io_ledger.ts";

type OpenedExport = Exclude<OpenOutcome, { readonly errno: number }>;

/** See the head of this file. */
export class MeasuredExports implements ExportOpener {
  /** By the tickets that were given away: those of the opener, and where they are counted. */
  private readonly opened = new Map<
    readonly BackendTicket[],
    { readonly tickets: readonly BackendTicket[]; readonly account: IoAccount }
  >();

  constructor(private readonly opener: ExportOpener, private readonly ledger: IoLedger) {}

  open(
    sessname: string,
    devicePath: string,
    mode: AccessModeName,
    done: (outcome: OpenOutcome) => void,
  ): void {
    this.opener.open(sessname, devicePath, mode, (outcome) => {
      done("errno" in outcome ? outcome : this.measure(outcome));
    });
  }

  private measure(opened: OpenedExport): OpenOutcome {
    const account = this.ledger.open(opened.device);
    const tickets = opened.tickets.map((ticket, i) => ({
      ...ticket,
      statisticsRow: account.rows[i]!,
    }));
    this.opened.set(tickets, { tickets: opened.tickets, account });
    return { ...opened, tickets };
  }

  currentSizeBytes(ticket: BackendTicket): number {
    return this.opener.currentSizeBytes(ticket);
  }

  close(tickets: readonly BackendTicket[]): void {
    const { account, tickets: original } = this.opened.get(tickets)!;
    this.opened.delete(tickets);
    this.ledger.release(account);
    this.opener.close(original);
  }
}
