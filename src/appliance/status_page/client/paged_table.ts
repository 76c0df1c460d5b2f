/**
 * A table for any number of rows: a page of them is drawn, the rest is counted, filtered and
 * sorted. Rows stay where they are while somebody points at them or works in them.
 */
import { type Child, element, scrollFrame, setAttributes, setText } from "./dom.ts";
import { count } from "./format.ts";

const PAGE_SIZES = [25, 100, 500] as const;
/** Fewer rows need no tools. */
const TOOLS_FROM = 8;

/** One cell's content, made once and filled again with every update. */
export interface Cell<Row> {
  readonly content: Child;
  fill(row: Row): void;
}

/** One column. */
export interface Column<Row> {
  readonly title: string;
  /** Right-aligned. */
  readonly isNumber?: boolean;
  /** Which widths show it: 1 all, 2 not phones, 3 wide ones only. */
  readonly importance: 1 | 2 | 3;
  /** Makes its rows sortable. */
  readonly order?: (row: Row) => string | number;
  /** Sorted by this column, the largest comes first at the first click. */
  readonly isLargestFirst?: boolean;
  makeCell(): Cell<Row>;
}

/** A column of plain text. */
export function textColumn<Row>(
  options: Omit<Column<Row>, "makeCell"> & { readonly text: (row: Row) => string },
): Column<Row> {
  return {
    ...options,
    makeCell() {
      const content = element("span");
      return { content, fill: (row) => setText(content, options.text(row)) };
    },
  };
}

/** What a table shows. */
export interface TableOptions<Row> {
  /** For screen readers, and in front of "filter". */
  readonly title: string;
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  /** What the filter looks at. */
  readonly searchText: (row: Row) => string;
  /** Said instead of the table when there are no rows. */
  readonly whenEmpty: string;
}

interface DrawnRow<Row> {
  readonly root: HTMLTableRowElement;
  readonly cells: readonly Cell<Row>[];
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compare(one: string | number, other: string | number): number {
  if (typeof one === "string" || typeof other === "string") {
    return collator.compare(String(one), String(other));
  }
  // What is not known is less than everything.
  const [a, b] = [one, other].map((value) => Number.isNaN(value) ? -Infinity : value);
  return a === b ? 0 : a! - b!;
}

/** See the head of this file. */
export class PagedTable<Row> {
  readonly root: HTMLElement;
  private rows: readonly Row[] = [];
  private keys: ReadonlyMap<Row, string> = new Map();
  private page = 0;
  private pageSize: number = PAGE_SIZES[0];
  private sortedBy: Column<Row> | undefined;
  private isDescending = false;
  /** Keys of the page, while the order is held. */
  private heldKeys: readonly string[] | undefined;
  private readonly drawn = new Map<string, DrawnRow<Row>>();
  private readonly body = element("tbody");
  private readonly heads = new Map<Column<Row>, HTMLTableCellElement>();
  private readonly table: HTMLElement;
  private readonly tools: HTMLElement;
  private readonly empty = element("p", { class: "empty" });
  private readonly filter = element("input", { type: "search", autocomplete: "off" });
  private readonly range = element("output");
  private readonly previous = element("button", { type: "button" }, "Previous");
  private readonly next = element("button", { type: "button" }, "Next");
  private readonly size = element("select");

  constructor(private readonly options: TableOptions<Row>) {
    this.tools = this.makeTools();
    const table = element(
      "table",
      {},
      element("caption", { class: "hidden" }, options.title),
      element(
        "thead",
        {},
        element("tr", {}, ...options.columns.map((each) => this.makeHead(each))),
      ),
      this.body,
    );
    this.table = scrollFrame(options.title, table);
    this.root = element("div", { class: "paged" }, this.tools, this.table, this.empty);
    for (const name of ["pointerleave", "focusout"]) {
      this.body.addEventListener(name, () => this.heldKeys = undefined);
    }
  }

  private makeTools(): HTMLElement {
    const title = this.options.title;
    this.filter.placeholder = "Filter";
    setAttributes(this.filter, { "aria-label": `${title}: filter` });
    setAttributes(this.previous, { "aria-label": `${title}: previous page` });
    setAttributes(this.next, { "aria-label": `${title}: next page` });
    setAttributes(this.size, { "aria-label": `${title}: rows on a page` });
    for (const rows of PAGE_SIZES) {
      this.size.append(element("option", { value: rows }, `${rows} rows`));
    }
    this.filter.addEventListener("input", () => this.turnTo(0));
    this.previous.addEventListener("click", () => this.turnTo(this.page - 1));
    this.next.addEventListener("click", () => this.turnTo(this.page + 1));
    this.size.addEventListener("change", () => {
      this.pageSize = Number(this.size.value);
      this.turnTo(0);
    });
    const pager = element("span", { class: "pager" }, this.previous, this.next, this.size);
    return element("div", { class: "tools" }, this.filter, this.range, pager);
  }

  private turnTo(page: number): void {
    this.page = page;
    this.heldKeys = undefined;
    this.draw();
  }

  private makeHead(column: Column<Row>): HTMLTableCellElement {
    const head = element("th", { scope: "col", class: classOf(column) });
    if (column.order === undefined) {
      head.append(column.title);
    } else {
      const button = element("button", { type: "button", class: "sort" }, column.title);
      button.addEventListener("click", () => this.sortBy(column));
      head.append(button);
    }
    this.heads.set(column, head);
    return head;
  }

  /** Sorts by a column; once more turns it around. */
  sortBy(column: Column<Row>): void {
    this.isDescending = this.sortedBy === column
      ? !this.isDescending
      : column.isLargestFirst ?? false;
    this.sortedBy = column;
    for (const [each, head] of this.heads) {
      const order = this.isDescending ? "descending" : "ascending";
      setAttributes(head, { "aria-sort": each === column ? order : undefined });
    }
    this.turnTo(0);
  }

  /** Shows only what has all of these words. */
  search(words: string): void {
    this.filter.value = words;
    this.turnTo(0);
  }

  /** Takes over new data. */
  update(rows: readonly Row[]): void {
    this.rows = rows;
    this.keys = uniqueKeys(rows, this.options.keyOf);
    this.draw();
  }

  private matching(): Row[] {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    if (words.length === 0) return [...this.rows];
    return this.rows.filter((row) => {
      const text = this.options.searchText(row).toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }

  private sort(rows: Row[]): Row[] {
    const order = this.sortedBy?.order;
    if (order === undefined) return rows;
    const sign = this.isDescending ? -1 : 1;
    return rows.map((row) => ({ row, by: order(row) }))
      .sort((one, other) => sign * compare(one.by, other.by)).map(({ row }) => row);
  }

  private draw(): void {
    const matching = this.matching();
    const pages = Math.max(1, Math.ceil(matching.length / this.pageSize));
    this.page = Math.min(Math.max(0, this.page), pages - 1);
    const start = this.page * this.pageSize;
    this.place(this.held(matching) ?? this.sort(matching).slice(start, start + this.pageSize));
    this.describe(matching.length, start);
  }

  /** The rows of the page as they stand, while somebody is at them. */
  private held(matching: readonly Row[]): readonly Row[] | undefined {
    const isBusy = this.body.matches(":hover, :focus-within");
    if (!isBusy || this.heldKeys === undefined) return undefined;
    const byKey = new Map(matching.map((row) => [this.keys.get(row)!, row]));
    const rows = this.heldKeys.map((key) => byKey.get(key));
    // A row that is gone or new makes a new page.
    const isWhole = rows.every((row) => row !== undefined) &&
      rows.length === Math.min(this.pageSize, matching.length - this.page * this.pageSize);
    return isWhole ? rows : undefined;
  }

  private place(rows: readonly Row[]): void {
    const keys = rows.map((row) => this.keys.get(row)!);
    const wanted = new Set(keys);
    for (const [key, { root }] of this.drawn) {
      if (wanted.has(key)) continue;
      root.remove();
      this.drawn.delete(key);
    }
    rows.forEach((row, index) => {
      const drawn = this.drawn.get(keys[index]!) ?? this.makeRow(keys[index]!);
      for (const cell of drawn.cells) cell.fill(row);
      const there = this.body.children[index];
      if (there !== drawn.root) this.body.insertBefore(drawn.root, there ?? null);
    });
    this.heldKeys = keys;
  }

  private makeRow(key: string): DrawnRow<Row> {
    const cells = this.options.columns.map((column) => column.makeCell());
    const root = element("tr");
    this.options.columns.forEach((column, index) => {
      const holder = index === 0
        ? element("th", { scope: "row", class: classOf(column) })
        : element("td", { class: classOf(column) });
      holder.append(cells[index]!.content);
      root.append(holder);
    });
    const drawn = { root, cells };
    this.drawn.set(key, drawn);
    return drawn;
  }

  private describe(matching: number, start: number): void {
    const total = this.rows.length;
    const isLong = total >= TOOLS_FROM || this.filter.value !== "";
    this.tools.hidden = !isLong;
    this.table.hidden = matching === 0;
    this.empty.hidden = matching > 0;
    setText(this.empty, total === 0 ? this.options.whenEmpty : "Nothing matches the filter.");
    const end = Math.min(start + this.pageSize, matching);
    const of = matching === total ? count(total) : `${count(matching)} found of ${count(total)}`;
    setText(this.range, matching === 0 ? of : `${count(start + 1)}–${count(end)} of ${of}`);
    // Not disabled: that would take the focus away from whoever pages to the end.
    setAttributes(this.previous, { "aria-disabled": start === 0 ? "true" : undefined });
    setAttributes(this.next, { "aria-disabled": end >= matching ? "true" : undefined });
    this.size.hidden = total <= PAGE_SIZES[0];
    this.previous.hidden = this.next.hidden = matching <= this.pageSize;
  }
}

/** Names that should differ may come twice from somebody who is hostile. */
function uniqueKeys<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<Row, string> {
  const seen = new Map<string, number>();
  return new Map(rows.map((row) => {
    const key = keyOf(row);
    const times = seen.get(key) ?? 0;
    seen.set(key, times + 1);
    return [row, times === 0 ? key : `${key} ${times}`];
  }));
}

function classOf<Row>({ isNumber, importance }: Column<Row>): string {
  return `${isNumber === true ? "number " : ""}importance-${importance}`;
}
