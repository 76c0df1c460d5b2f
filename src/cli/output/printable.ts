/** Text from elsewhere, made safe for a terminal, and how much room it takes there. */

/**
 * Control characters, and characters that change the direction of text or cannot be seen: with
 * them a name could look like another one, or give the terminal orders. Joiners belong to scripts.
 */
const HARMFUL = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Noncharacter_Code_Point}]/gu;

/** Nothing of what other machines send reaches the terminal as a control sequence. */
export function printable(text: string): string {
  return text.replaceAll(HARMFUL, "?");
}

/** {@link printable} for text of several lines. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** Writes what {@link printable} would replace as `escape` says, and leaves the rest. */
export function escapeHarmful(text: string, escape: (codePoint: number) => string): string {
  return text.replaceAll(HARMFUL, (character) => escape(character.codePointAt(0)!));
}

/** East Asian Width W and F, as far as letters have it; the half-width forms do not. */
const WIDE_SCRIPTS = /(?![\uff61-\uffdc])[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Yi}]/u;
const WIDE_OTHERS = /[\u1100-\u115f\u3000-\u303e\uff01-\uff60\uffe0-\uffe6\p{Emoji_Presentation}]/u;
const ZERO = /\p{Mark}|\u200c|\u200d|[\ufe00-\ufe0f]/u;
const PLAIN = /^[\x20-\x7e]*$/;

/** Cells of a terminal that a printable text takes. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    const isWide = WIDE_SCRIPTS.test(character) || WIDE_OTHERS.test(character);
    width += ZERO.test(character) ? 0 : isWide ? 2 : 1;
  }
  return width;
}

// deno-lint-ignore no-control-regex
const COLOR = /(\x1b\[[\d;]*m)/;
const COLOR_END = "\x1b[0m";

/** `text` cut to `width` cells, with … where something is missing; it may have colours. */
export function cutToWidth(text: string, width: number): string {
  const parts = text.split(COLOR);
  const plain = parts.filter((_, index) => index % 2 === 0).join("");
  if (displayWidth(plain) <= width) return text;
  let kept = "";
  let left = width - 1;
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) {
      kept += part;
      continue;
    }
    for (const character of part) {
      left -= displayWidth(character);
      if (left < 0) return `${kept}…${parts.length > 1 ? COLOR_END : ""}`;
      kept += character;
    }
  }
  return kept;
}
