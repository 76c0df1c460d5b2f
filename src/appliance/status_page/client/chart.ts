/** A small chart of one or two lines over the last two minutes. */
import { drawing, element, setAttributes, setText } from "./dom.ts";
import { moment } from "./format.ts";
import type { ChartData } from "./history.ts";

/** Time that a chart shows. */
export const CHART_MS = 120_000;
/** A longer silence between two samples is a gap in the line. */
const GAP_MS = 5000;
const WIDTH = 1200;
const HEIGHT = 100;

/** What a chart shows. */
export interface ChartOptions {
  readonly title: string;
  /** Names of the lines, the main one first. */
  readonly lines: readonly string[];
  readonly format: (value: number) => string;
  /** Upper end of the axis for the largest value. */
  readonly ceiling: (value: number) => number;
}

interface Line {
  readonly path: SVGPathElement;
  readonly shown: HTMLElement;
}

/** See the head of this file. */
export class Chart {
  readonly root: HTMLElement;
  private readonly lines: readonly Line[];
  private readonly area = drawing("path", { class: "area" });
  private readonly cursor = drawing("path", { class: "cursor" });
  private readonly top = element("span", { class: "axis top" });
  private readonly picture: SVGSVGElement;
  private readonly frame: HTMLElement;
  private readonly when = element("span", { class: "when" }, "now");
  private readonly nothing = element("span", { class: "nothing" }, "nothing measured yet");
  private data: ChartData = { times: [], values: [] };
  private nowMs = 0;
  /** Time under the pointer; null: the newest. */
  private cursorMs: number | null = null;

  /** @param onCursor the pointer is at this time, or has left */
  constructor(
    private readonly options: ChartOptions,
    onCursor: (timeMs: number | null) => void,
  ) {
    this.lines = options.lines.map((_, index) => ({
      path: drawing("path", { class: `line line-${index}` }),
      shown: element("b", { class: "value" }),
    }));
    const grid = drawing("path", {
      class: "grid",
      d: `M0 0H${WIDTH}M0 50H${WIDTH}M0 100H${WIDTH}`,
    });
    // The main line lies on top.
    const paths = this.lines.map(({ path }) => path).reverse();
    const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" };
    this.picture = drawing("svg", box, grid, this.area, ...paths, this.cursor);
    const axis = element("span", { class: "axis start" }, "−2 min");
    const words = [this.top, axis, this.when, this.nothing];
    this.frame = element("div", { class: "frame" }, this.picture, ...words);
    this.root = element("figure", { class: "chart" }, this.makeCaption(), this.frame);
    this.followPointer(onCursor);
  }

  private makeCaption(): HTMLElement {
    const legend = this.lines.map(({ shown }, index) => {
      const sample = drawing("path", { class: `line line-${index}`, d: "M0 5H18" });
      const swatch = drawing("svg", { viewBox: "0 0 18 10", "aria-hidden": "true" }, sample);
      return element("span", { class: "legend" }, swatch, this.options.lines[index]!, " ", shown);
    });
    const title = element("span", { class: "title" }, this.options.title);
    return element("figcaption", {}, title, ...legend);
  }

  private followPointer(onCursor: (timeMs: number | null) => void): void {
    this.frame.addEventListener("pointermove", ({ clientX }) => {
      const { left, width } = this.frame.getBoundingClientRect();
      onCursor(this.nowMs - CHART_MS * (1 - (clientX - left) / width));
    });
    this.frame.addEventListener("pointerleave", () => onCursor(null));
  }

  /** Draws anew. */
  update(data: ChartData, nowMs: number): void {
    this.data = data;
    this.nowMs = nowMs;
    const known = data.values.flat().filter((value) => !Number.isNaN(value));
    this.top.hidden = known.length === 0;
    this.nothing.hidden = known.length > 0;
    const ceiling = this.options.ceiling(Math.max(0, ...known));
    setText(this.top, this.options.format(ceiling));
    this.lines.forEach(({ path }, index) => {
      const line = this.outline(data.values[index] ?? [], ceiling);
      path.setAttribute("d", line.stroke);
      if (index === 0) this.area.setAttribute("d", line.area);
    });
    this.describe();
    this.showValues();
  }

  private outline(values: readonly number[], ceiling: number): { stroke: string; area: string } {
    let stroke = "";
    let area = "";
    let lastX = 0;
    let lastMs = -Infinity;
    const closeArea = () => area === "" ? "" : `L${lastX} ${HEIGHT}Z`;
    values.forEach((value, index) => {
      const timeMs = this.data.times[index]!;
      if (Number.isNaN(value)) return;
      const x = Math.round(WIDTH * (1 - (this.nowMs - timeMs) / CHART_MS));
      if (x < 0) return;
      const y = (HEIGHT * (1 - value / ceiling)).toFixed(1);
      const isNew = timeMs - lastMs > GAP_MS;
      stroke += isNew ? `M${x} ${y}h0` : `L${x} ${y}`;
      area += isNew ? `${closeArea()}M${x} ${HEIGHT}L${x} ${y}` : `L${x} ${y}`;
      lastX = x;
      lastMs = timeMs;
    });
    return { stroke, area: area + closeArea() };
  }

  /** Shows the values at a time instead of the newest. */
  setCursor(timeMs: number | null): void {
    this.cursorMs = timeMs;
    this.showValues();
  }

  /** Index of the sample at the cursor. */
  private chosen(): number {
    const { times } = this.data;
    if (this.cursorMs === null) return times.length - 1;
    const cursorMs = this.cursorMs;
    const distance = (index: number) => Math.abs(times[index]! - cursorMs);
    return times.reduce((best, _, index) => distance(index) < distance(best) ? index : best, 0);
  }

  private showValues(): void {
    const chosen = this.chosen();
    this.lines.forEach(({ shown }, index) => {
      setText(shown, this.options.format(this.data.values[index]?.[chosen] ?? NaN));
    });
    const timeMs = this.data.times[chosen];
    const isFree = this.cursorMs === null || timeMs === undefined;
    setText(this.when, isFree ? "now" : moment(timeMs));
    this.when.classList.toggle("chosen", !isFree);
    const x = isFree ? -1 : Math.round(WIDTH * (1 - (this.nowMs - timeMs) / CHART_MS));
    this.cursor.setAttribute("d", isFree ? "" : `M${x} 0V${HEIGHT}`);
  }

  private describe(): void {
    const { title, lines, format } = this.options;
    const parts = lines.map((name, index) => {
      const known = (this.data.values[index] ?? []).filter((value) => !Number.isNaN(value));
      if (known.length === 0) return `${name} unknown`;
      const [least, most] = [Math.min(...known), Math.max(...known)].map(format);
      return `${name} between ${least} and ${most}`;
    });
    setAttributes(this.picture, {
      "aria-label": `${title}, last two minutes: ${parts.join("; ")}`,
    });
  }
}

/** Draws a line without axes, `values` scaled to `ceiling`, at most {@link CHART_MS} of samples. */
export function sparkline(path: SVGPathElement, values: readonly number[], ceiling: number): void {
  let outline = "";
  let isDown = false;
  values.forEach((value, index) => {
    if (Number.isNaN(value)) isDown = false;
    else {
      const x = 100 - (values.length - 1 - index);
      outline += `${isDown ? "L" : "M"}${x} ${(19 - 18 * value / ceiling).toFixed(1)}`;
      isDown = true;
    }
  });
  if (path.getAttribute("d") !== outline) path.setAttribute("d", outline);
}
