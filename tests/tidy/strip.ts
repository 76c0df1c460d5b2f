/** Blanks out what is not code, so that the rules do not trip over comments and strings. */

/** Characters after which a slash starts a regular expression rather than a division. */
const BEFORE_REGEX = new Set("(,=:[!&|?{};+-*%~^<>".split(""));
const BEFORE_REGEX_WORD = /\b(return|typeof|case|in|of|throw|await|yield)$/;

/**
 * Replaces the content of comments, strings, templates (but not of their `${…}`) and regular
 * expressions by spaces; lines and columns stay where they are.
 */
export function stripNonCode(text: string): string {
  return new Stripper(text).run();
}

class Stripper {
  private readonly out: string[];
  private at = 0;
  /** For each open `${`, how many braces were open before it. */
  private readonly templates: number[] = [];
  private braces = 0;

  constructor(private readonly text: string) {
    this.out = text.split("");
  }

  run(): string {
    while (this.at < this.text.length) this.step();
    return this.out.join("");
  }

  private step(): void {
    const character = this.text[this.at]!;
    const pair = this.text.slice(this.at, this.at + 2);
    if (pair === "//") return this.blankTo(this.find("\n", this.at), 0);
    if (pair === "/*") return this.blankTo(this.find("*/", this.at + 2) + 2, 0);
    if (character === '"' || character === "'") return this.quoted(character);
    if (character === "`") return this.template(this.at + 1);
    if (character === "/" && this.regexMayStart()) return this.regex();
    if (character === "{") this.braces++;
    if (character === "}") {
      this.braces--;
      if (this.templates.at(-1) === this.braces) {
        this.templates.pop();
        return this.template(this.at + 1);
      }
    }
    this.at++;
  }

  private find(what: string, from: number): number {
    const found = this.text.indexOf(what, from);
    return found < 0 ? this.text.length : found;
  }

  /** Blanks from the current place (plus `skip`) up to `end` and goes there. */
  private blankTo(end: number, skip: number): void {
    for (let i = this.at + skip; i < Math.min(end, this.text.length); i++) {
      if (this.text[i] !== "\n") this.out[i] = " ";
    }
    this.at = end;
  }

  private quoted(quote: string): void {
    let end = this.at + 1;
    while (end < this.text.length && this.text[end] !== quote && this.text[end] !== "\n") {
      end += this.text[end] === "\\" ? 2 : 1;
    }
    this.blankTo(end, 1);
    this.at = end + 1;
  }

  private template(from: number): void {
    this.at = from;
    let end = from;
    while (end < this.text.length && this.text[end] !== "`") {
      if (this.text.startsWith("${", end)) {
        this.blankTo(end, 0);
        this.templates.push(this.braces);
        this.braces++;
        this.at = end + 2;
        return;
      }
      end += this.text[end] === "\\" ? 2 : 1;
    }
    this.blankTo(end, 0);
    this.at = end + 1;
  }

  private regexMayStart(): boolean {
    const before = this.out.slice(Math.max(0, this.at - 80), this.at).join("").trimEnd();
    return before === "" || BEFORE_REGEX.has(before.at(-1)!) || BEFORE_REGEX_WORD.test(before);
  }

  private regex(): void {
    let end = this.at + 1;
    let inClass = false;
    while (end < this.text.length && this.text[end] !== "\n") {
      const character = this.text[end];
      if (character === "\\") end++;
      else if (character === "[") inClass = true;
      else if (character === "]") inClass = false;
      else if (character === "/" && !inClass) break;
      end++;
    }
    this.blankTo(end, 1);
    this.at = end + 1;
  }
}
