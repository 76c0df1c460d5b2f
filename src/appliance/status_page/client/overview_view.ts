/** The first look: what needs attention, what there is, and the charts of the node. */
import type { Status } from "../../status.ts";
import { ChartRow } from "./chart_row.ts";
import { byId, element, setAttributes, setText } from "./dom.ts";
import { bytes, count, plural } from "./format.ts";
import { NODE_CHARTS, nodeChartData } from "./io_charts.ts";
import type { Model, OpenDetails, View } from "./model.ts";
import type { Problem } from "./problems.ts";
import { inflightOf } from "./record_status.ts";
import { type Mood, StateMark } from "./state_mark.ts";

const PROBLEMS_SHOWN = 6;
const NOT_KNOWN = "How the node is now is not known: it does not answer";

interface ProblemItem {
  readonly root: HTMLLIElement;
  readonly mark: StateMark;
  readonly detail: HTMLElement;
}

/** The list of problems, or the sentence that there are none. */
class Attention {
  private readonly items = new Map<string, ProblemItem>();
  private readonly list = element("ul");
  private readonly more = element("p", { class: "more" });
  private readonly calm = new StateMark();
  private readonly calmLine = element("p", { class: "calm" }, this.calm.root);
  private announced: string | undefined;

  /** Nobody answers: what was well may be so no more. */
  isAway = false;

  constructor(private readonly openDetails: OpenDetails) {
    byId("attention", HTMLElement).append(this.calmLine, this.list, this.more);
  }

  update(problems: readonly Problem[], status: Status): void {
    const shown = problems.slice(0, PROBLEMS_SHOWN);
    const keys = new Set(shown.map(({ text }) => text));
    for (const [key, { root }] of this.items) {
      if (keys.has(key)) continue;
      root.remove();
      this.items.delete(key);
    }
    for (const [index, problem] of shown.entries()) {
      const { root, detail } = this.items.get(problem.text) ?? this.makeItem(problem);
      setText(detail, problem.detail);
      const there = this.list.children[index];
      if (there !== root) this.list.insertBefore(root, there ?? null);
    }
    const left = problems.length - shown.length;
    setText(this.more, left > 0 ? `and ${count(left)} more: see the tables below` : "");
    this.more.hidden = left <= 0;
    this.list.hidden = problems.length === 0;
    this.calmLine.hidden = problems.length > 0;
    if (this.isAway) this.calm.set("quiet", NOT_KNOWN);
    else this.calm.set("good", `Nothing needs attention: ${summaryOf(status)}`);
    this.announce(problems);
  }

  private makeItem({ severity, text, subject }: Problem): ProblemItem {
    const mark = new StateMark();
    mark.set(severity, text);
    const detail = element("span", { class: "detail" });
    const explain = element("button", { type: "button", "aria-haspopup": "dialog" }, "Explain");
    setAttributes(explain, { "aria-label": `Explain: ${text}` });
    explain.addEventListener("click", () => this.openDetails(subject));
    const root = element("li", {}, element("div", {}, mark.root, detail), explain);
    const item = { root, mark, detail };
    this.items.set(text, item);
    return item;
  }

  /** For screen readers, when it changes. */
  private announce(problems: readonly Problem[]): void {
    const first = problems[0]?.text;
    const text = this.isAway
      ? NOT_KNOWN
      : first === undefined
      ? "Nothing needs attention"
      : problems.length === 1
      ? first
      : `${plural(problems.length, "problem")}, the first: ${first}`;
    if (text === this.announced) return;
    this.announced = text;
    setText(byId("announcement", HTMLElement), text);
  }
}

/** What there is, when all of it is well. */
function summaryOf({ mappings, sessions, exports, clients }: Status): string {
  const parts = [
    mappings.length > 0 ? `${plural(mappings.length, "mapping")} open` : "",
    sessions.length > 0 ? `${plural(sessions.length, "session")} connected` : "",
    exports.length > 0 ? `${plural(exports.length, "export")} in use` : "",
    clients.length > 0 ? `${plural(clients.length, "client")} here` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "nothing is mapped and nothing is served" : parts.join(", ");
}

/** One figure of the row of figures. */
interface Tile {
  readonly title: string;
  read(status: Status): { readonly value: string; readonly mood: Mood; readonly note: string };
}

function share(total: number, good: number, word: string) {
  const mood: Mood = total === 0 ? "quiet" : good === total ? "good" : good === 0 ? "bad" : "warn";
  const value = good === total ? count(total) : `${count(good)} of ${count(total)}`;
  return { value, mood, note: total === 0 ? "none" : word };
}

const plain = (value: string, note: string) => ({ value, mood: "quiet" as Mood, note });

function configTile({ state, pending }: Status["config"]): ReturnType<Tile["read"]> {
  if (state === "stale") return { value: "stale", mood: "bad", note: "the files have errors" };
  if (pending.length === 0) return { value: "current", mood: "good", note: "node is as declared" };
  return { value: "current", mood: "warn", note: `${plural(pending.length, "step")} missing` };
}

const TILES: readonly Tile[] = [
  {
    title: "Mappings",
    read: ({ mappings }) =>
      share(mappings.length, mappings.filter(({ state }) => state === "open").length, "open"),
  },
  {
    title: "Sessions",
    read: ({ sessions }) =>
      share(
        sessions.length,
        sessions.filter(({ state }) => state === "connected").length,
        "connected",
      ),
  },
  {
    title: "Paths",
    read({ sessions, clients }) {
      const paths = [...sessions, ...clients].flatMap((owner) => owner.paths);
      const good = paths.filter(({ state }) => state === "connected").length;
      return share(paths.length, good, "connected");
    },
  },
  {
    title: "Exports",
    read: ({ exports }) => plain(count(exports.length), exports.length === 0 ? "none" : "in use"),
  },
  {
    title: "Clients",
    read: ({ clients }) => plain(count(clients.length), clients.length === 0 ? "none" : "here"),
  },
  {
    title: "In flight",
    read: ({ sessions, clients }) =>
      plain(count(inflightOf(sessions) + inflightOf(clients)), "requests"),
  },
  { title: "Config", read: ({ config }) => configTile(config) },
  { title: "Memory", read: ({ memory_bytes }) => plain(bytes(memory_bytes), "for I/O") },
];

/** See the head of this file. */
export class OverviewView implements View {
  private readonly attention: Attention;
  private readonly charts = new ChartRow(NODE_CHARTS);
  private readonly scope = byId("scope", HTMLSelectElement);
  private isScopeChosen = false;
  private model: Model | undefined;
  private readonly tiles = TILES.map((tile) => ({
    tile,
    value: element("span", { class: "value" }),
    mark: new StateMark(),
  }));

  constructor(openDetails: OpenDetails) {
    this.attention = new Attention(openDetails);
    byId("charts", HTMLElement).append(this.charts.root);
    byId("tiles", HTMLElement).append(
      ...this.tiles.map(({ tile, value, mark }) =>
        element(
          "div",
          {},
          element("dt", {}, tile.title),
          element("dd", {}, value, " ", mark.root),
        )
      ),
    );
    this.scope.addEventListener("change", () => {
      this.isScopeChosen = true;
      this.drawCharts();
    });
  }

  /** Tells that the appliance does not answer, or does again. */
  showAway(isAway: boolean): void {
    this.attention.isAway = isAway;
    if (this.model !== undefined) this.attention.update(this.model.problems, this.model.status);
  }

  update(model: Model): void {
    this.model = model;
    this.attention.update(model.problems, model.status);
    for (const { tile, value, mark } of this.tiles) {
      const shown = tile.read(model.status);
      setText(value, shown.value);
      mark.set(shown.mood, shown.note);
    }
    if (!this.isScopeChosen) {
      const isOnlyServer = model.status.mappings.length === 0 && model.status.listeners.length > 0;
      this.scope.value = isOnlyServer ? "exports" : "mappings";
    }
    this.drawCharts();
  }

  private drawCharts(): void {
    if (this.model === undefined) return;
    const side = this.scope.value === "exports" ? "exports" : "mappings";
    this.charts.update(nodeChartData(this.model, side), this.model.nowMs);
  }
}
