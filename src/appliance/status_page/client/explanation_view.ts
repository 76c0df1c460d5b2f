/** Why something is as it is, asked of the appliance when somebody wants to know. */
import type { Explanation } from "../../appliance_api.ts";
import { element, setChildren } from "./dom.ts";
import { nextTry } from "./format.ts";
import { showPairs } from "./pairs.ts";
import { ask } from "./poller.ts";
import type { Subject } from "./problems.ts";

/** See the head of this file. */
export class ExplanationView {
  private readonly body = element("div", { class: "explanation", "aria-live": "polite" });
  private readonly again = element("button", { type: "button" }, "Ask again");
  readonly root = element("section", {}, element("h3", {}, "Explanation"), this.body, this.again);

  constructor(private readonly subject: Subject) {
    this.again.addEventListener("click", () => this.refresh());
  }

  /** Asks, and shows the answer. */
  async refresh(): Promise<void> {
    try {
      const response = await ask(`/v1/explain/${encodeURIComponent(this.subject.name)}`);
      setChildren(this.body, describe(await response.json() as Explanation));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      setChildren(this.body, [element("p", {}, `There is no explanation: ${reason}`)]);
    }
  }
}

/** Words between backticks are commands: they are set apart, as text all the same. */
function withCommands(text: string): (HTMLElement | string)[] {
  return text.split("`").map((part, index) => index % 2 === 1 ? element("code", {}, part) : part);
}

function pairList(pairs: readonly (readonly [string, string])[]): HTMLElement {
  const list = element("dl", { class: "pairs" });
  showPairs(list, pairs);
  return list;
}

function describe(explanation: Explanation): HTMLElement[] {
  const { summary, cause, last_error, advice, facts, next_try_ms } = explanation;
  const parts: HTMLElement[] = [element("p", { class: "summary" }, summary)];
  if (cause !== null) parts.push(element("p", {}, ...withCommands(cause)));
  if (advice.length > 0) {
    parts.push(
      element("h4", {}, "What to do"),
      element("ol", {}, ...advice.map((step) => element("li", {}, ...withCommands(step)))),
    );
  }
  const now: (readonly [string, string])[] = [
    ...(last_error === null ? [] : [["Last error", last_error] as const]),
    ...(next_try_ms === null ? [] : [["Next try", nextTry(next_try_ms)] as const]),
  ];
  if (now.length > 0) parts.push(pairList(now));
  if (facts.length > 0) {
    const pairs = pairList(facts.map(({ key, value }) => [key, value] as const));
    parts.push(element("details", {}, element("summary", {}, "More about it"), pairs));
  }
  return parts;
}
