/** What axe finds, and whether everything can be done with the keyboard alone. */
import axe from "axe-core";
import type { Page } from "playwright-core";

/** WCAG 2.2 up to AA, and what axe holds for good practice. */
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/**
 * The violations on the page as it is now: `rule: target, target`.
 * @param part of the page that is looked at
 */
export async function axeViolations(page: Page, part = "html"): Promise<string[]> {
  await page.evaluate(axe.source);
  const options = JSON.stringify({ runOnly: { type: "tag", values: TAGS } });
  const { violations } = await page.evaluate<axe.AxeResults>(
    `axe.run(${JSON.stringify(part)}, ${options})`,
  );
  return violations.map(({ id, nodes }) =>
    `${id}: ${
      nodes.map(({ target, failureSummary }) => `${target} (${failureSummary})`).join(", ")
    }`
  );
}

/** Where the focus is. */
interface Focus {
  /** Number of the control in the page; -1: something that is none. */
  readonly control: number;
  readonly description: string;
  readonly isVisible: boolean;
  readonly hasMark: boolean;
}

const CONTROLS = "a[href], button, select, input, summary, [tabindex='0']";

/** Run in the page: the controls that somebody could see and use. */
const LIST_CONTROLS = `[...document.querySelectorAll(${JSON.stringify(CONTROLS)})]
  .filter((control) => control.checkVisibility({ visibilityProperty: true }) && !control.disabled)`;

const DESCRIBE_FOCUS = `(() => {
  const focused = document.activeElement;
  const style = getComputedStyle(focused);
  const box = focused.getBoundingClientRect();
  return {
    control: ${LIST_CONTROLS}.indexOf(focused),
    description: focused.outerHTML.slice(0, 120),
    isVisible: box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight,
    hasMark: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
  };
})()`;

/** Goes through the page with Tab. @returns what cannot be reached, seen or told to be focused */
export async function keyboardProblems(page: Page): Promise<string[]> {
  const names = await page.evaluate<string[]>(
    `${LIST_CONTROLS}.map((control) => control.outerHTML.slice(0, 120))`,
  );
  const reached = new Set<number>();
  const problems: string[] = [];
  for (let i = 0; i < names.length; i++) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate<Focus>(DESCRIBE_FOCUS);
    reached.add(focus.control);
    if (!focus.isVisible) problems.push(`focused but out of sight: ${focus.description}`);
    if (!focus.hasMark) problems.push(`focused without a mark: ${focus.description}`);
  }
  names.forEach((name, index) => {
    if (!reached.has(index)) problems.push(`not reached with Tab: ${name}`);
  });
  return problems;
}
