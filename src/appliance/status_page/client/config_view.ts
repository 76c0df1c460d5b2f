/** How the node stands to its config, and what is missing. */
import type { ConfigStatus, PlanStep } from "../../status.ts";
import { byId, element, setChildren, setText } from "./dom.ts";
import { moment, nextTry, plural } from "./format.ts";
import type { Model, OpenDetails, View } from "./model.ts";
import { PagedTable, textColumn } from "./paged_table.ts";
import { CONFIG_NAME } from "./problems.ts";
import { StateMark } from "./state_mark.ts";

/** What a step does, in words. */
const changesOf = ({ reason, changes }: PlanStep): string =>
  [reason, ...changes.map(({ key, from, to }) => `${key}: ${from} → ${to}`)].join("; ");

function makeSteps(): PagedTable<PlanStep> {
  const column = (title: string, text: (step: PlanStep) => string, importance: 1 | 2 | 3) =>
    textColumn<PlanStep>({ title, importance, order: text, text });
  return new PagedTable({
    title: "Missing steps",
    columns: [
      column("Step", ({ action, kind, name }) => `${action} ${kind} ${name}`, 1),
      column("Why", changesOf, 2),
      column("Waits for", ({ waits_for }) => waits_for ?? "", 1),
      column("Last error", ({ last_error }) => last_error ?? "", 1),
      textColumn({ title: "Next try", importance: 2, text: (step) => nextTry(step.next_try_ms) }),
    ],
    keyOf: ({ action, kind, name }) => JSON.stringify([action, kind, name]),
    searchText: (step) =>
      [step.action, step.kind, step.name, changesOf(step), step.waits_for, step.last_error]
        .join(" "),
    whenEmpty: "Nothing is missing: the node is as its config says.",
  });
}

/** See the head of this file. */
export class ConfigView implements View {
  private readonly mark = new StateMark();
  private readonly facts = element("p", { class: "facts" });
  private readonly reasons = element("ul", { class: "reasons" });
  private readonly steps = makeSteps();

  constructor(openDetails: OpenDetails) {
    const explain = element("button", { type: "button", "aria-haspopup": "dialog" }, "Explain");
    explain.setAttribute("aria-label", "Explain the config");
    explain.addEventListener("click", () => openDetails({ kind: "config", name: CONFIG_NAME }));
    const state = element("p", { class: "config-state" }, this.mark.root, explain);
    byId("config", HTMLElement).append(state, this.reasons, this.facts, this.steps.root);
  }

  update({ status: { config } }: Model): void {
    const isStale = config.state === "stale";
    const since = config.stale_since === null ? "" : ` since ${moment(config.stale_since)}`;
    const missing = config.pending.length;
    if (isStale) {
      this.mark.set("bad", `stale${since}: the files have errors, what was before goes on`);
    } else if (missing > 0) this.mark.set("warn", `current, ${plural(missing, "step")} missing`);
    else this.mark.set("good", "current");
    this.showReasons(config.stale_because);
    setText(this.facts, factsOf(config));
    this.steps.update(config.pending);
  }

  private showReasons(reasons: readonly string[]): void {
    this.reasons.hidden = reasons.length === 0;
    const shown = [...this.reasons.children].map(({ textContent }) => textContent);
    if (shown.join("\n") === reasons.join("\n")) return;
    setChildren(this.reasons, reasons.map((reason) => element("li", {}, reason)));
  }
}

function factsOf({ file, files, applied_at }: ConfigStatus): string {
  const from = file === null ? "made in the program" : files.join(", ");
  return `In force since ${moment(applied_at)}; ${from}`;
}
