/** Where one reactor counts what the paths to servers carry. */
import type { ConnectionTicket } from "../../fabric/fabric.ts";
import type { PathAccounts } from "../../rnbd/lane_commands.ts";
import type { IoAccount, IoLedger } from "./io_ledger.ts";

/** No session has it in its name (rtrs-clt.c:2814). */
const SEPARATOR = "/";

/** The ledger of paths, and the names of the sessions that they belong to, by handle. */
export interface PathLedger {
  readonly io: IoLedger;
  readonly sessnames: ReadonlyMap<number, string>;
}

/** A path's name in the ledger. */
export function pathKey(sessname: string, { localAddress, remoteAddress }: ConnectionTicket) {
  return `${sessname}${SEPARATOR}${localAddress},${remoteAddress}`;
}

/** Undoes {@link pathKey}; of the ones that are forgotten the path is empty. */
export function pathLabels(key: string): { sessname: string; path: string } {
  const at = key.indexOf(SEPARATOR);
  return { sessname: key.slice(0, at), path: key.slice(at + 1) };
}

/** See the head of this file. */
export class PathRows implements PathAccounts {
  private readonly accounts = new Map<number, IoAccount>();

  constructor(private readonly ledger: PathLedger, private readonly reactor: number) {}

  open(session: number, path: number, ticket: ConnectionTicket): number {
    const { io, sessnames } = this.ledger;
    const account = io.open(pathKey(sessnames.get(session) ?? "", ticket));
    this.accounts.set(path, account);
    return account.rows[this.reactor]!;
  }

  release(path: number): void {
    const account = this.accounts.get(path);
    this.accounts.delete(path);
    if (account !== undefined) this.ledger.io.release(account);
  }
}
