/** The devices of servers that are mapped here. */
import type { MappingStatus } from "../../status.ts";
import { nameColumn, stateColumn } from "./cells.ts";
import { sparkline } from "./chart.ts";
import { byId, drawing } from "./dom.ts";
import { bytes, bytesPerSecond, count, perSecond, UNKNOWN } from "./format.ts";
import type { Model, OpenDetails, View } from "./model.ts";
import { type Column, PagedTable, textColumn } from "./paged_table.ts";
import { errorsIn, IO, keyOf } from "./record_status.ts";

/** See the head of this file. */
export class MappingsView implements View {
  readonly table: PagedTable<MappingStatus>;
  private model: Model | undefined;
  /** Largest IOPS of any mapping in the charts' time: the common scale of the small lines. */
  private mostIops = 1;

  constructor(openDetails: OpenDetails) {
    this.table = new PagedTable({
      title: "Mappings",
      columns: this.columns(openDetails),
      keyOf: ({ name }) => name,
      searchText: (row) =>
        [row.name, row.state, row.sessname, row.device_path, row.access_mode, row.device ?? ""]
          .join(" "),
      whenEmpty: "This node maps nothing.",
    });
    byId("mappings", HTMLElement).append(this.table.root);
  }

  private columns(openDetails: OpenDetails): Column<MappingStatus>[] {
    const rate = ({ name }: MappingStatus, index: number) =>
      this.model?.history.latest(keyOf.mapping(name), index) ?? NaN;
    const both = (row: MappingStatus, one: number, other: number) =>
      rate(row, one) + rate(row, other);
    const iops = (row: MappingStatus) => both(row, IO.readIos, IO.writeIos);
    const moved = (row: MappingStatus) => both(row, IO.readBytes, IO.writeBytes);
    const text = textColumn<MappingStatus>;
    return [
      nameColumn("Name", ({ name }) => ({ kind: "mapping", name }), openDetails),
      stateColumn("State", ({ state }) => [state === "open" ? "good" : "bad", state]),
      text({ title: "Session", importance: 2, order: (r) => r.sessname, text: (r) => r.sessname }),
      text({
        title: "Device at the server",
        importance: 3,
        order: (row) => row.device_path,
        text: (row) => row.device_path,
      }),
      text({
        title: "Mode",
        importance: 3,
        order: (row) => row.access_mode,
        text: (row) => row.access_mode,
      }),
      text({
        title: "Size",
        isNumber: true,
        importance: 2,
        order: (row) => row.size_bytes,
        isLargestFirst: true,
        text: (row) => row.size_bytes === 0 ? UNKNOWN : bytes(row.size_bytes),
      }),
      this.trendColumn(),
      text({
        title: "IOPS",
        isNumber: true,
        importance: 1,
        order: iops,
        isLargestFirst: true,
        text: (row) => perSecond(iops(row)),
      }),
      text({
        title: "Throughput",
        isNumber: true,
        importance: 2,
        order: moved,
        isLargestFirst: true,
        text: (row) => bytesPerSecond(moved(row)),
      }),
      text({
        title: "Errors",
        isNumber: true,
        importance: 2,
        order: ({ io }) => errorsIn(io),
        isLargestFirst: true,
        text: ({ io }) => count(errorsIn(io)),
      }),
    ];
  }

  /** IOPS of the last two minutes as a small line; the number stands beside it. */
  private trendColumn(): Column<MappingStatus> {
    return {
      title: "Trend",
      importance: 3,
      makeCell: () => {
        const path = drawing("path");
        const box = { viewBox: "-20 0 120 20", class: "trend", "aria-hidden": "true" };
        const content = drawing("svg", { ...box, preserveAspectRatio: "none" }, path);
        const fill = ({ name }: MappingStatus) => sparkline(path, this.iopsOf(name), this.mostIops);
        return { content, fill };
      },
    };
  }

  private iopsOf(name: string): number[] {
    const { history } = this.model!;
    const writes = history.read(keyOf.mapping(name), IO.writeIos);
    return history.read(keyOf.mapping(name), IO.readIos).map((reads, index) =>
      reads + writes[index]!
    );
  }

  update(model: Model): void {
    this.model = model;
    const { mappings } = model.status;
    const busiest = model.history.read(keyOf.busiestMapping, 0);
    this.mostIops = busiest.reduce((most, iops) => iops > most ? iops : most, 1);
    this.table.update(mappings);
  }
}
