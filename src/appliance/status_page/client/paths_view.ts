/** Sessions, path by path: those to servers, and those that clients opened here. */
import type { PathStatus, ServerSessionStatus, SessionStatus } from "../../status.ts";
import { nameColumn, stateColumn } from "./cells.ts";
import { byId } from "./dom.ts";
import { bytesPerSecond, count, latency, UNKNOWN } from "./format.ts";
import type { Model, OpenDetails, View } from "./model.ts";
import { type Column, PagedTable, textColumn } from "./paged_table.ts";
import { pathName } from "./problems.ts";
import { keyOf, PATH } from "./record_status.ts";
import type { Mood } from "./state_mark.ts";

type Owner = SessionStatus | ServerSessionStatus;

interface PathRow {
  readonly owner: Owner;
  /** Undefined: a session without a path. */
  readonly path: PathStatus | undefined;
}

/** How a path is, or a session without one. */
function stateOf({ path }: PathRow): readonly [Mood, string] {
  if (path === undefined) return ["bad", "no path"];
  return [path.state === "connected" ? "good" : "bad", path.state];
}

const carrierOf = ({ hca_name, hca_port }: PathStatus): string =>
  hca_name === "" ? UNKNOWN : hca_port === 0 ? hca_name : `${hca_name} port ${hca_port}`;

/** See the head of this file. */
export class PathsView implements View {
  private readonly table: PagedTable<PathRow>;
  private model: Model | undefined;

  /** @param side whose sessions: this node's own, or its clients' */
  constructor(private readonly side: "session" | "client", openDetails: OpenDetails) {
    const isSession = side === "session";
    this.table = new PagedTable({
      title: isSession ? "Sessions" : "Clients",
      columns: this.columns(openDetails),
      keyOf: ({ owner, path }) => path === undefined ? owner.sessname : this.keyOfPath(owner, path),
      searchText: ({ owner, path }) =>
        path === undefined
          ? owner.sessname
          : [owner.sessname, pathName(path), path.state, path.hca_name, path.last_error].join(" "),
      whenEmpty: isSession ? "This node has no session to a server." : "No client is here.",
    });
    byId(isSession ? "sessions" : "clients", HTMLElement).append(this.table.root);
  }

  private keyOfPath(owner: Owner, path: PathStatus): string {
    return keyOf.path(this.side, owner.sessname, path);
  }

  private columns(openDetails: OpenDetails): Column<PathRow>[] {
    const kind = this.side;
    const rate = ({ owner, path }: PathRow, index: number) =>
      path === undefined
        ? NaN
        : this.model?.history.latest(this.keyOfPath(owner, path), index) ?? NaN;
    const rateColumn = (title: string, index: number) =>
      textColumn<PathRow>({
        title,
        isNumber: true,
        importance: 2,
        order: (row) => rate(row, index),
        isLargestFirst: true,
        text: (row) => bytesPerSecond(rate(row, index)),
      });
    const numberColumn = (title: string, valueOf: (path: PathStatus) => number) =>
      textColumn<PathRow>({
        title,
        isNumber: true,
        importance: 2,
        order: ({ path }) => path === undefined ? 0 : valueOf(path),
        isLargestFirst: true,
        text: ({ path }) => path === undefined ? UNKNOWN : count(valueOf(path)),
      });
    return [
      nameColumn("Session", ({ owner }) => ({ kind, name: owner.sessname }), openDetails),
      stateColumn("State", stateOf),
      textColumn({
        title: "Path",
        importance: 1,
        order: ({ path }) => path === undefined ? "" : pathName(path),
        text: ({ path }) => path === undefined ? UNKNOWN : pathName(path).replace(",", " → "),
      }),
      textColumn({
        title: "Carrier",
        importance: 3,
        text: ({ path }) => path === undefined ? UNKNOWN : carrierOf(path),
      }),
      numberColumn("In flight", ({ inflight }) => inflight),
      rateColumn("Received", PATH.rxBytes),
      rateColumn("Sent", PATH.txBytes),
      textColumn({
        title: "Round trip",
        isNumber: true,
        importance: 3,
        order: ({ path }) => path?.latency_us ?? 0,
        isLargestFirst: true,
        text: ({ path }) => latency((path?.latency_us || NaN) / 1e6),
      }),
      numberColumn("Reconnects", ({ reconnects }) => reconnects),
      textColumn({
        title: "Last error",
        importance: 3,
        text: ({ path }) => path?.last_error ?? "",
      }),
    ];
  }

  update(model: Model): void {
    this.model = model;
    const owners: readonly Owner[] = this.side === "session"
      ? model.status.sessions
      : model.status.clients;
    this.table.update(
      owners.flatMap((owner): PathRow[] =>
        owner.paths.length === 0
          ? [{ owner, path: undefined }]
          : owner.paths.map((path) => ({ owner, path }))
      ),
    );
  }
}
