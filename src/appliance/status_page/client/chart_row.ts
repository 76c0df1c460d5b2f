/** Charts of the same thing over the same time, side by side, and their figures as a table. */
import { Chart, type ChartOptions } from "./chart.ts";
import { element, scrollFrame, setChildren } from "./dom.ts";
import { moment } from "./format.ts";
import type { ChartData } from "./history.ts";

const TABLE_ROWS = 20;

/** See the head of this file. */
export class ChartRow {
  readonly root: HTMLElement;
  private readonly charts: readonly Chart[];
  private readonly table = element("table");
  private readonly disclosure: HTMLDetailsElement;
  private data: readonly ChartData[] = [];

  constructor(private readonly options: readonly ChartOptions[]) {
    this.charts = options.map((each) =>
      new Chart(each, (timeMs) => this.charts.forEach((chart) => chart.setCursor(timeMs)))
    );
    const charts = element("div", { class: "charts" }, ...this.charts.map(({ root }) => root));
    const scroll = scrollFrame("Figures of the charts", this.table);
    const summary = element("summary", {}, "Figures of these charts as a table");
    this.disclosure = element("details", {}, summary, scroll);
    this.disclosure.addEventListener("toggle", () => this.fillTable());
    this.root = element("div", { class: "chart-row" }, charts, this.disclosure);
  }

  /** Draws anew; `data` in the order of the options. */
  update(data: readonly ChartData[], nowMs: number): void {
    this.data = data;
    this.charts.forEach((chart, index) => chart.update(data[index]!, nowMs));
    this.fillTable();
  }

  private fillTable(): void {
    if (!this.disclosure.open) return;
    const columns = this.options.flatMap(({ title, lines, format }, chart) =>
      lines.map((line, index) => ({
        title: `${title}, ${line}`,
        text: (timeMs: number) => {
          const { times, values } = this.data[chart]!;
          // Charts can have samples of their own pace: the last one until then counts.
          const at = times.findLastIndex((time) => time <= timeMs);
          return format(values[index]?.[at] ?? NaN);
        },
      }))
    );
    const heads = ["Time", ...columns.map(({ title }) => title)];
    const head = element("tr", {}, ...heads.map((title) => element("th", { scope: "col" }, title)));
    const rows = this.data[0]!.times.slice(-TABLE_ROWS).reverse().map((timeMs) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, moment(timeMs)),
        ...columns.map(({ text }) => element("td", { class: "number" }, text(timeMs))),
      )
    );
    setChildren(this.table, [
      element("caption", {}, "The newest samples first"),
      element("thead", {}, head),
      element("tbody", {}, ...rows),
    ]);
  }
}
