/** The status page: asks the appliance, keeps what it hears, draws. */
import type { Status } from "../../status.ts";
import { ConfigView } from "./config_view.ts";
import { DetailsView } from "./details_view.ts";
import { byId, setText } from "./dom.ts";
import { EventStream } from "./event_stream.ts";
import { EventsView } from "./events_view.ts";
import { ExportsView } from "./exports_view.ts";
import { count, duration, moment } from "./format.ts";
import { History } from "./history.ts";
import { InflightView } from "./inflight_view.ts";
import { LatencyBook } from "./latency_book.ts";
import { MappingsView } from "./mappings_view.ts";
import type { Model, View } from "./model.ts";
import { NodeView } from "./node_view.ts";
import { OverviewView } from "./overview_view.ts";
import { PathsView } from "./paths_view.ts";
import { type Contact, Poller } from "./poller.ts";
import { findProblems, type Problem, type Subject } from "./problems.ts";
import { IO, keyOf, recordStatus } from "./record_status.ts";
import { RefusalsView } from "./refusals_view.ts";
import { StateMark } from "./state_mark.ts";
import { applyRememberedTheme, connectThemeSwitch } from "./theme.ts";

const STATUS_PAUSE_MS = 1000;
const METRICS_PAUSE_MS = 2000;
/** Nobody looks: only so often that the title stays right. */
const HIDDEN_PAUSE_MS = 10_000;
/** Samples that are closer than this make rates that jump. */
const SAMPLE_PAUSE_MS = 800;

const pause = (ms: number) => () => document.hidden ? HIDDEN_PAUSE_MS : ms;

/** See the head of this file. */
class StatusPage {
  private readonly history = new History();
  private readonly latency = new LatencyBook();
  private readonly contactMark = new StateMark();
  private readonly details = new DetailsView();
  private readonly overview = new OverviewView(this.details.open);
  private readonly views: readonly View[] = [
    this.overview,
    new MappingsView(this.details.open),
    new PathsView("session", this.details.open),
    new ExportsView(this.details.open),
    new PathsView("client", this.details.open),
    new RefusalsView(),
    new ConfigView(this.details.open),
    new EventsView(),
    new NodeView(),
    this.details,
  ];
  private readonly events = new EventStream(() => this.status.poke());
  private readonly status = new Poller({
    url: "/v1/status",
    pauseMs: pause(STATUS_PAUSE_MS),
    restFactor: 4,
    onAnswer: async (response) => this.take(await response.json() as Status),
    onContact: (contact) => this.showContact(contact),
  });
  private readonly metrics = new Poller({
    url: "/metrics",
    pauseMs: pause(METRICS_PAUSE_MS),
    restFactor: 20,
    onAnswer: async (response) => this.latency.record(await response.text(), Date.now()),
    // The status tells whether somebody answers.
    onContact: () => {},
  });
  private known: Status | undefined;
  private sampled: Status | undefined;
  private problems: readonly Problem[] = [];
  private contact: Contact = { state: "waiting" };

  start(): void {
    byId("contact", HTMLElement).append(this.contactMark.root);
    connectThemeSwitch(byId("theme", HTMLSelectElement));
    new InflightView();
    this.showContact(this.contact);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return this.events.pause();
      this.events.resume();
      this.status.poke();
    });
    this.status.poke();
    this.metrics.poke();
  }

  private take(status: Status): void {
    const nowMs = Date.now();
    if (this.known?.pid !== status.pid) this.events.restart();
    this.known = status;
    this.sample(status, nowMs);
    this.problems = findProblems(status, (subject) => this.hasLateErrors(subject));
    const { history, latency, problems } = this;
    const model: Model = { status, history, latency, problems, events: this.events.events, nowMs };
    for (const view of this.views) view.update(model);
    this.showHead(status);
  }

  private sample(status: Status, nowMs: number): void {
    const before = this.sampled;
    const isSame = before?.pid === status.pid;
    const elapsedMs = isSame ? status.uptime_ms - before.uptime_ms : NaN;
    if (elapsedMs < SAMPLE_PAUSE_MS) return;
    this.sampled = status;
    recordStatus(this.history, status, nowMs, elapsedMs);
  }

  private hasLateErrors({ kind, name }: Subject): boolean {
    const key = kind === "mapping" ? keyOf.mapping(name) : keyOf.export(name);
    return this.history.sum(key, IO.errors) > 0;
  }

  private showHead({ node, version, uptime_ms, mappings, ...status }: Status): void {
    setText(byId("node", HTMLElement), node);
    setText(byId("about", HTMLElement), `rnbd-appliance ${version}, up ${duration(uptime_ms)}`);
    const counts = {
      mappings: mappings.length,
      sessions: status.sessions.length,
      exports: status.exports.length,
      clients: status.clients.length,
      config: status.config.pending.length,
    };
    for (const [name, value] of Object.entries(counts)) {
      setText(byId(`${name}-count`, HTMLElement), value === 0 ? "" : count(value));
    }
    this.showTitle();
  }

  private showTitle(): void {
    const isAway = this.contact.state === "away";
    const mark = isAway
      ? "(no answer) "
      : this.problems.length > 0
      ? `(${this.problems.length}) `
      : "";
    const node = this.known === undefined ? "" : `${this.known.node} – `;
    document.title = `${mark}${node}rnbd-appliance`;
  }

  private showContact(contact: Contact): void {
    const wasAway = this.contact.state === "away";
    this.contact = contact;
    const away = byId("away", HTMLElement);
    away.hidden = contact.state !== "away";
    document.documentElement.classList.toggle("is-away", contact.state === "away");
    this.overview.showAway(contact.state === "away");
    if (contact.state === "away") {
      const since = contact.lastAnswerMs === null ? "" : ` since ${moment(contact.lastAnswerMs)}`;
      this.contactMark.set("bad", `No answer${since}`);
      const old = contact.lastAnswerMs === null ? "" : " What is shown below is from then.";
      setText(away, `${contact.reason}. No answer${since}; trying again.${old}`);
    } else if (contact.state === "live") {
      this.contactMark.set("good", `Live, ${moment(Date.now())}`);
      if (wasAway) this.metrics.poke();
    } else this.contactMark.set("quiet", "Connecting");
    this.showTitle();
  }
}

applyRememberedTheme();
document.addEventListener("DOMContentLoaded", () => new StatusPage().start());
