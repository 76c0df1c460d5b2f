/** What this node serves: open devices, and the rules of what may be opened. */
import type { ExportRuleStatus, ExportStatus } from "../../status.ts";
import { nameColumn } from "./cells.ts";
import { byId, element, setText } from "./dom.ts";
import { bytes, bytesPerSecond, count, perSecond, plural, UNKNOWN } from "./format.ts";
import type { Model, OpenDetails, View } from "./model.ts";
import { type Column, PagedTable, textColumn } from "./paged_table.ts";
import { errorsIn, IO, keyOf } from "./record_status.ts";

const CLIENTS_NAMED = 3;

function clientsOf({ clients }: ExportStatus): string {
  if (clients.length === 0) return "none";
  const named = clients.slice(0, CLIENTS_NAMED)
    .map(({ sessname, access_mode }) => `${sessname} (${access_mode})`);
  const more = clients.length - named.length;
  return named.join(", ") + (more > 0 ? ` and ${count(more)} more` : "");
}

/** See the head of this file. */
export class ExportsView implements View {
  private readonly table: PagedTable<ExportStatus>;
  private readonly rules: PagedTable<ExportRuleStatus>;
  private readonly summary = element("summary");
  private readonly disclosure: HTMLDetailsElement;
  private model: Model | undefined;

  constructor(openDetails: OpenDetails) {
    this.table = new PagedTable({
      title: "Exports",
      columns: this.columns(openDetails),
      keyOf: ({ device }) => device,
      searchText: (row) => `${row.device} ${row.clients.map(({ sessname }) => sessname).join(" ")}`,
      whenEmpty: "No client has a device open.",
    });
    this.rules = makeRules();
    this.disclosure = element("details", {}, this.summary, this.rules.root);
    byId("exports", HTMLElement).append(this.table.root, this.disclosure);
  }

  private columns(openDetails: OpenDetails): Column<ExportStatus>[] {
    const rate = ({ device }: ExportStatus, index: number) =>
      this.model?.history.latest(keyOf.export(device), index) ?? NaN;
    const iops = (row: ExportStatus) => rate(row, IO.readIos) + rate(row, IO.writeIos);
    const moved = (row: ExportStatus) => rate(row, IO.readBytes) + rate(row, IO.writeBytes);
    const number = (title: string, order: (row: ExportStatus) => number, show = count) =>
      textColumn<ExportStatus>({
        title,
        isNumber: true,
        importance: 2,
        order,
        isLargestFirst: true,
        text: (row) => show(order(row)),
      });
    return [
      nameColumn("Device", ({ device }) => ({ kind: "export", name: device }), openDetails),
      textColumn({ title: "Open by", importance: 1, order: clientsOf, text: clientsOf }),
      number("Size", ({ size_bytes }) => size_bytes, bytes),
      { ...number("IOPS", iops, perSecond), importance: 1 },
      number("Throughput", moved, bytesPerSecond),
      number("Errors", ({ io }) => errorsIn(io)),
    ];
  }

  update(model: Model): void {
    this.model = model;
    const { exports, export_rules: rules, listeners } = model.status;
    this.table.update(exports);
    this.rules.update(rules);
    this.disclosure.hidden = listeners.length === 0;
    setText(
      this.summary,
      rules.length === 0
        ? "Clients may open everything below the search path"
        : `What clients may open: ${plural(rules.length, "rule")}`,
    );
  }
}

function makeRules(): PagedTable<ExportRuleStatus> {
  const column = (title: string, text: (rule: ExportRuleStatus) => string, importance: 1 | 2 = 2) =>
    textColumn<ExportRuleStatus>({ title, importance, order: text, text });
  return new PagedTable({
    title: "Rules of what may be opened",
    columns: [
      column("Device path", ({ device_path }) => device_path, 1),
      column("Session", ({ sessname }) => sessname, 1),
      column("Most access", ({ access_mode }) => access_mode),
      column("Kept in", ({ backend }) => backend),
      column("Size", ({ size_bytes }) => size_bytes === 0 ? UNKNOWN : bytes(size_bytes)),
    ],
    keyOf: ({ device_path, sessname }) => JSON.stringify([device_path, sessname]),
    searchText: ({ device_path, sessname, access_mode }) =>
      `${device_path} ${sessname} ${access_mode}`,
    whenEmpty: "There are no rules.",
  });
}
