/** Clients that were turned away lately. */
import type { RefusalStatus } from "../../status.ts";
import { byId, element, setText } from "./dom.ts";
import { count, moment, plural } from "./format.ts";
import type { Model, View } from "./model.ts";
import { PagedTable, textColumn } from "./paged_table.ts";

function makeTable(): PagedTable<RefusalStatus> {
  const column = (title: string, text: (row: RefusalStatus) => string, importance: 1 | 2 = 1) =>
    textColumn<RefusalStatus>({ title, importance, order: text, text });
  return new PagedTable({
    title: "Clients that were turned away",
    columns: [
      column("Client", ({ client }) => client),
      column("Wanted", ({ kind, device_path }) => device_path ?? kind, 2),
      column("Reason", ({ reason }) => reason),
      column("Was told", ({ errno }) => errno ?? "nothing", 2),
      textColumn({
        title: "Times",
        isNumber: true,
        importance: 1,
        order: ({ count }) => count,
        isLargestFirst: true,
        text: (row) => count(row.count),
      }),
      textColumn({ title: "Last", importance: 2, text: ({ last_time }) => moment(last_time) }),
    ],
    keyOf: ({ kind, client, device_path, reason }) =>
      JSON.stringify([kind, client, device_path, reason]),
    searchText: ({ client, device_path, reason }) => `${client} ${device_path ?? ""} ${reason}`,
    whenEmpty: "Nobody was turned away.",
  });
}

/** See the head of this file. */
export class RefusalsView implements View {
  private readonly table = makeTable();
  private readonly summary = element("summary");
  private readonly disclosure = element("details", {}, this.summary, this.table.root);

  constructor() {
    byId("clients", HTMLElement).append(this.disclosure);
  }

  update({ status: { refusals, listeners } }: Model): void {
    this.disclosure.hidden = listeners.length === 0;
    setText(
      this.summary,
      `Turned away lately: ${refusals.length === 0 ? "nobody" : plural(refusals.length, "case")}`,
    );
    this.table.update(refusals);
  }
}
