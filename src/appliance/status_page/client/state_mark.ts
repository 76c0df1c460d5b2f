/** States are told by shape and word; colour only helps. */
import { drawing, element, setText } from "./dom.ts";

/** How good something is: a disc, a triangle, a cross, a ring. */
export type Mood = "good" | "warn" | "bad" | "quiet";

const SHAPES: Readonly<Record<Mood, string>> = {
  good: "M6 2a4 4 0 1 1 0 8a4 4 0 1 1 0-8z",
  warn: "M6 1L11.5 11H.5z",
  bad: "M3 1L6 4L9 1L11 3L8 6L11 9L9 11L6 8L3 11L1 9L4 6L1 3z",
  quiet: "M6 2a4 4 0 1 1 0 8a4 4 0 1 1 0-8zm0 1.6a2.4 2.4 0 1 0 0 4.8a2.4 2.4 0 1 0 0-4.8z",
};

/** A shape and a word that can change. */
export class StateMark {
  readonly root: HTMLSpanElement;
  private readonly shape = drawing("path");
  private readonly word = element("span");

  constructor() {
    const picture = drawing("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, this.shape);
    this.root = element("span", { class: "mark" }, picture, this.word);
  }

  /** Shows another state. */
  set(mood: Mood, word: string): void {
    if (this.root.dataset["mood"] !== mood) {
      this.root.dataset["mood"] = mood;
      this.shape.setAttribute("d", SHAPES[mood]);
    }
    setText(this.word, word);
  }
}

/** A mark that stays as it is. */
export function stateMark(mood: Mood, word: string): HTMLSpanElement {
  const mark = new StateMark();
  mark.set(mood, word);
  return mark.root;
}
