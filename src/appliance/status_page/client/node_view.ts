/** The process itself: where it listens, its threads and their counters, what it refused. */
import type { ReactorStatus, Status } from "../../status.ts";
import { byId, element } from "./dom.ts";
import { bytes, count, duration } from "./format.ts";
import type { Model, View } from "./model.ts";
import { PagedTable, textColumn } from "./paged_table.ts";
import { showPairs } from "./pairs.ts";

interface Counter {
  readonly name: string;
  readonly total: number;
  /** Of each thread, in their order. */
  readonly byThread: string;
}

function countersOf(reactors: readonly ReactorStatus[]): Counter[] {
  const names = [...new Set(reactors.flatMap(({ counters }) => Object.keys(counters)))];
  return names.map((name) => {
    const values = reactors.map(({ counters }) => counters[name] ?? 0);
    const total = values.reduce((sum, value) => sum + value, 0);
    return { name, total, byThread: values.map(count).join(" · ") };
  });
}

function counterTable(title: string, whenEmpty: string, hasThreads: boolean): PagedTable<Counter> {
  const total = ({ total }: Counter) => total;
  const text = textColumn<Counter>;
  const columns = [
    text({ title: "Counter", importance: 1, order: ({ name }) => name, text: ({ name }) => name }),
    text({
      title: "Total",
      isNumber: true,
      importance: 1,
      order: total,
      isLargestFirst: true,
      text: (row) => count(total(row)),
    }),
    text({ title: "By thread", isNumber: true, importance: 2, text: ({ byThread }) => byThread }),
  ];
  return new PagedTable({
    title,
    columns: hasThreads ? columns : columns.slice(0, 2),
    keyOf: ({ name }) => name,
    searchText: ({ name }) => name,
    whenEmpty,
  });
}

/** See the head of this file. */
export class NodeView implements View {
  private readonly facts = element("dl", { class: "pairs" });
  private readonly counters = counterTable("Counters of the threads", "No thread counts.", true);
  private readonly refused = counterTable("Refused messages", "Nothing was refused.", false);

  constructor() {
    const details = (title: string, table: HTMLElement) =>
      element("details", {}, element("summary", {}, title), table);
    byId("node-details", HTMLElement).append(
      this.facts,
      details("Counters of the threads", this.counters.root),
      details("Messages of other machines that were refused, by reason", this.refused.root),
    );
  }

  update({ status }: Model): void {
    showPairs(this.facts, nodeFacts(status));
    this.counters.update(countersOf(status.reactors));
    const refused = Object.entries(status.rejections).filter(([, total]) => total > 0);
    this.refused.update(refused.map(([name, total]) => ({ name, total, byThread: "" })));
  }
}

function nodeFacts(status: Status): (readonly [string, string])[] {
  const listeners = status.listeners.map(({ address, port }) => `${address} port ${port}`);
  return [
    ["Name", status.node],
    ["Version", status.version],
    ["Process", String(status.pid)],
    ["Running for", duration(status.uptime_ms)],
    ["Threads that carry I/O", count(status.reactors.length)],
    ["Memory for I/O", bytes(status.memory_bytes)],
    ["Listens on", listeners.length === 0 ? "nothing" : listeners.join(", ")],
  ];
}
