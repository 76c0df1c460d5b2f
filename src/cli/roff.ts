/** Manual pages in roff with the man macros (man(7), groff_man(7)): just what our pages need. */

/**
 * Text that roff prints as it stands, on one line.
 * @param text any text; line ends become blanks
 */
export function escapeRoff(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ")
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll('"', "\\(dq")
    // At the start of a line a dot begins a request.
    .replace(/^\./, "\\&.");
}

/** {@link escapeRoff} for running text, in which `code` between backticks becomes bold. */
export function roffText(text: string): string {
  const parts = text.split("`").map(escapeRoff);
  const joined = parts.map((part, index) => index % 2 === 0 ? part : `\\fB${part}\\fR`).join("");
  return joined.startsWith("\\fB") ? `\\&${joined}` : joined;
}

/** What a page's first line says. */
export interface RoffTitle {
  readonly name: string;
  readonly section: number;
  /** Left foot: the program and its version. */
  readonly source: string;
  /** Head: the manual that the page belongs to. */
  readonly manual: string;
}

/** The first lines of a page. No date: what is made of the same source stays the same. */
export function roffHead({ name, section, source, manual }: RoffTitle): string {
  const words = [name.toUpperCase(), String(section), "", source, manual];
  // Left-aligned and not hyphenated, as file names and options are easier to find so.
  return `.TH ${words.map((word) => `"${escapeRoff(word)}"`).join(" ")}\n.nr HY 0\n.nh\n.ad l\n`;
}

/** A section with its content, which is roff. */
export function roffSection(title: string, ...content: readonly string[]): string {
  return `.SH "${escapeRoff(title)}"\n${content.join("")}`;
}

/** A part of a section with its content, which is roff. */
export function roffSubsection(title: string, ...content: readonly string[]): string {
  return `.SS "${escapeRoff(title)}"\n${content.join("")}`;
}

/** A paragraph of running text. */
export function roffParagraph(text: string): string {
  return `.PP\n${roffText(text)}\n`;
}

/** A tag (running text) and below it, indented, a paragraph for each text. */
export function roffTagged(tag: string, ...texts: readonly string[]): string {
  const [first = "", ...more] = texts.map(roffText);
  return [`.TP\n${roffText(tag)}\n${first}\n`, ...more.map((text) => `.IP\n${text}\n`)].join("");
}

/** Lines shown as they stand, indented. */
export function roffExample(text: string): string {
  const lines = text.trimEnd().split("\n").map((line) => escapeRoff(line) || "\\&");
  return `.PP\n.RS 4\n.EX\n${lines.join("\n")}\n.EE\n.RE\n`;
}
