/** A window about one thing: how it is, why, its charts and figures. */
import { IO_OPERATIONS, type IoStatistics, type Status } from "../../status.ts";
import { ChartRow } from "./chart_row.ts";
import { byId, element, scrollFrame, setChildren, setText } from "./dom.ts";
import { ExplanationView } from "./explanation_view.ts";
import { bytes, count, latency, nextTry, plural, UNKNOWN } from "./format.ts";
import { IO_CHARTS, ioChartData } from "./io_charts.ts";
import type { Model, View } from "./model.ts";
import { showPairs } from "./pairs.ts";
import { pathName, type Subject } from "./problems.ts";
import { keyOf } from "./record_status.ts";
import { type Mood, StateMark } from "./state_mark.ts";

type Pairs = readonly (readonly [string, string])[];

/** What is known about a thing; undefined: it is gone. */
interface Known {
  readonly mood: Mood;
  readonly state: string;
  readonly facts: Pairs;
  /** Key in the history and totals, of what does I/O. */
  readonly io?: { readonly key: string; readonly totals: IoStatistics };
}

const KIND_WORDS: Readonly<Record<Subject["kind"], string>> = {
  mapping: "Mapping",
  session: "Session",
  export: "Export",
  client: "Client",
  config: "Config",
};

function knownMapping({ mappings }: Status, name: string): Known | undefined {
  const found = mappings.find((mapping) => mapping.name === name);
  if (found === undefined) return undefined;
  const isOpen = found.state === "open";
  return {
    mood: isOpen ? "good" : "bad",
    state: isOpen ? "open" : `closed: ${found.last_error ?? "not opened yet"}`,
    facts: [
      ["Session", found.sessname],
      ["Device at the server", found.device_path],
      ["Access mode", found.access_mode],
      ["Here", found.device ?? UNKNOWN],
      ["Exposed by", found.expose],
      ["Size", found.size_bytes === 0 ? UNKNOWN : bytes(found.size_bytes)],
      ["Logical block", found.logical_block_size === 0 ? UNKNOWN : bytes(found.logical_block_size)],
      ["Made by", found.origin === "config" ? "the config" : "hand"],
      ...(isOpen ? [] : [["Next try", nextTry(found.next_try_ms)] as const]),
    ],
    io: { key: keyOf.mapping(name), totals: found.io },
  };
}

function knownSession({ sessions, mappings }: Status, name: string): Known | undefined {
  const found = sessions.find(({ sessname }) => sessname === name);
  if (found === undefined) return undefined;
  const up = found.paths.filter(({ state }) => state === "connected").length;
  const isWhole = up === found.paths.length;
  const uses = mappings.filter(({ sessname }) => sessname === name).length;
  return {
    mood: found.state !== "connected" ? "bad" : isWhole ? "good" : "warn",
    state: `${found.state}, ${count(up)} of ${plural(found.paths.length, "path")}`,
    facts: [
      ["Mappings", count(uses)],
      ["Port", String(found.dest_port)],
      ["Policy", found.mpath_policy],
      ["Queue depth", count(found.queue_depth)],
      ["Longest request", bytes(found.max_io_size)],
      ["Reconnects", count(found.reconnects)],
      [
        "Reconnects tried",
        found.max_reconnect_attempts < 0 ? "without end" : count(found.max_reconnect_attempts),
      ],
      ["Made by", found.origin === "config" ? "the config" : "hand"],
      ...pathFacts(found.paths),
    ],
  };
}

function pathFacts(paths: Status["sessions"][number]["paths"]): Pairs {
  return paths.map((path) => {
    const error = path.state === "connected" || path.last_error === null
      ? ""
      : `: ${path.last_error}`;
    return [`Path ${pathName(path).replace(",", " → ")}`, path.state + error] as const;
  });
}

function knownExport({ exports }: Status, name: string): Known | undefined {
  const found = exports.find(({ device }) => device === name);
  if (found === undefined) return undefined;
  return {
    mood: "good",
    state: `open by ${plural(found.clients.length, "client")}`,
    facts: [
      ["Size", bytes(found.size_bytes)],
      ...found.clients.map(({ sessname, mapping_path, access_mode, is_allowed }) => {
        const until = is_allowed ? "" : ", not allowed any more: open until the client closes it";
        return [`Client ${sessname}`, `${mapping_path}, ${access_mode}${until}`] as const;
      }),
    ],
    io: { key: keyOf.export(name), totals: found.io },
  };
}

function knownClient({ clients, exports }: Status, name: string): Known | undefined {
  const found = clients.find(({ sessname }) => sessname === name);
  if (found === undefined) return undefined;
  const isWhole = found.paths.every(({ state }) => state === "connected");
  const held = exports.flatMap(({ device, clients }) =>
    clients.filter(({ sessname }) => sessname === name)
      .map(({ access_mode }) => [`Has open ${device}`, access_mode] as const)
  );
  return {
    mood: isWhole ? "good" : "warn",
    state: isWhole ? "connected" : "some paths are disconnected",
    facts: [
      ["Devices open", count(found.devices)],
      ["In flight", count(found.inflight)],
      ...pathFacts(found.paths),
      ...held,
      ...found.force_closed.map((path) => ["Taken away", path] as const),
    ],
  };
}

function knownConfig({ config }: Status): Known {
  const isStale = config.state === "stale";
  const missing = config.pending.length;
  return {
    mood: isStale ? "bad" : missing > 0 ? "warn" : "good",
    state: isStale
      ? "stale"
      : missing > 0
      ? `current, ${plural(missing, "step")} missing`
      : "current",
    facts: [
      ["Files", config.files.length === 0 ? "none" : config.files.join(", ")],
      ...config.stale_because.map((reason) => ["Error", reason] as const),
    ],
  };
}

function know(status: Status, { kind, name }: Subject): Known | undefined {
  switch (kind) {
    case "mapping":
      return knownMapping(status, name);
    case "session":
      return knownSession(status, name);
    case "export":
      return knownExport(status, name);
    case "client":
      return knownClient(status, name);
    case "config":
      return knownConfig(status);
  }
}

/** See the head of this file. */
export class DetailsView implements View {
  private readonly dialog = byId("details", HTMLDialogElement);
  private readonly title = byId("details-title", HTMLElement);
  private readonly body = byId("details-body", HTMLElement);
  private readonly mark = new StateMark();
  private readonly facts = element("dl", { class: "pairs" });
  private charts = new ChartRow(IO_CHARTS);
  private readonly operations = element("tbody");
  private readonly ioPart = element("section");
  private explanation: ExplanationView | undefined;
  private subject: Subject | undefined;
  private explainedState: string | undefined;
  private model: Model | undefined;

  constructor() {
    byId("details-close", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", ({ target }) => {
      // The window itself is only hit outside its content: on the veil around it.
      if (target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("close", () => this.subject = undefined);
  }

  /** Opens the window. */
  readonly open = (subject: Subject): void => {
    this.subject = subject;
    this.explanation = new ExplanationView(subject);
    this.explainedState = undefined;
    this.charts = new ChartRow(IO_CHARTS);
    const isConfig = subject.kind === "config";
    setText(this.title, isConfig ? "Config" : `${KIND_WORDS[subject.kind]} ${subject.name}`);
    setChildren(this.ioPart, [this.charts.root, this.operationTable()]);
    const facts = element("section", {}, element("h3", {}, "Facts"), this.facts);
    const state = element("p", { class: "state" }, this.mark.root);
    setChildren(this.body, [state, this.explanation.root, this.ioPart, facts]);
    if (this.model !== undefined) this.update(this.model);
    this.dialog.showModal();
    this.dialog.scrollTop = 0;
  };

  private operationTable(): HTMLElement {
    const heads = ["Operation", "Requests", "Moved", "Errors", "p50", "p99"];
    const head = element(
      "tr",
      {},
      ...heads.map((title, index) =>
        element("th", { scope: "col", class: index === 0 ? undefined : "number" }, title)
      ),
    );
    const caption = element("caption", {}, "Since the start; latency of the last seconds");
    const table = element("table", {}, caption, element("thead", {}, head), this.operations);
    return scrollFrame("Requests by operation", table);
  }

  update(model: Model): void {
    this.model = model;
    if (this.subject === undefined) return;
    const known = know(model.status, this.subject);
    const state = known?.state ?? "gone";
    this.mark.set(known?.mood ?? "quiet", state);
    // What was explained is not so any more.
    if (state !== this.explainedState) {
      this.explainedState = state;
      this.explanation?.refresh();
    }
    showPairs(this.facts, known?.facts ?? []);
    this.ioPart.hidden = known?.io === undefined;
    if (known?.io === undefined) return;
    this.charts.update(ioChartData(model, known.io.key), model.nowMs);
    this.showOperations(model, known.io.key, known.io.totals);
  }

  private showOperations(model: Model, key: string, totals: IoStatistics): void {
    setChildren(
      this.operations,
      IO_OPERATIONS.map((operation) => {
        const { ios, bytes: moved, errors } = totals[operation];
        const { p50, p99 } = model.latency.latest(key, operation);
        const cells = [count(ios), bytes(moved), count(errors), latency(p50), latency(p99)];
        return element(
          "tr",
          {},
          element("th", { scope: "row" }, operation.replace("_", " ")),
          ...cells.map((text) => element("td", { class: "number" }, text)),
        );
      }),
    );
  }
}
