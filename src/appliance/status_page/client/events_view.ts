/** What happened lately. */
import type { ApplianceEvent } from "../../appliance_api.ts";
import { stateColumn } from "./cells.ts";
import { byId, element, setAttributes, setText } from "./dom.ts";
import { moment } from "./format.ts";
import type { Model, View } from "./model.ts";
import { type Column, PagedTable } from "./paged_table.ts";
import type { Mood } from "./state_mark.ts";

const MOODS: Readonly<Record<ApplianceEvent["level"], Mood>> = {
  error: "bad",
  warn: "warn",
  info: "good",
  debug: "quiet",
};

const fieldsOf = ({ fields }: ApplianceEvent): string =>
  Object.entries(fields).map(([key, value]) => `${key}=${value}`).join("  ");

/** What happened, and behind it with whom. */
function eventColumn(): Column<ApplianceEvent> {
  return {
    title: "Event",
    importance: 1,
    order: ({ event }) => event,
    makeCell() {
      const event = element("span");
      const fields = element("span", { class: "aside" });
      const fill = (row: ApplianceEvent) => {
        setText(event, row.event);
        setText(fields, fieldsOf(row));
      };
      return { content: element("span", {}, event, fields), fill };
    },
  };
}

/** When it happened; the whole date and time for those who point at it. */
function timeColumn(): Column<ApplianceEvent> {
  return {
    title: "Time",
    importance: 1,
    makeCell() {
      const content = element("time", { class: "nowrap" });
      const fill = ({ time }: ApplianceEvent) => {
        setText(content, moment(time));
        setAttributes(content, { datetime: time, title: time });
      };
      return { content, fill };
    },
  };
}

/** See the head of this file. */
export class EventsView implements View {
  private readonly table = new PagedTable<ApplianceEvent>({
    title: "Events",
    columns: [
      timeColumn(),
      stateColumn("Level", ({ level }) => [MOODS[level], level]),
      eventColumn(),
    ],
    keyOf: ({ id }) => String(id),
    searchText: (row) => `${row.level} ${row.event} ${fieldsOf(row)}`,
    whenEmpty: "Nothing has happened yet.",
  });

  constructor() {
    byId("events", HTMLElement).append(this.table.root);
  }

  update({ events }: Model): void {
    this.table.update(events);
  }
}
