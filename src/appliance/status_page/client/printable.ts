/** Makes text from other machines safe to look at. */

/**
 * Controls, line ends, marks that turn the direction of text, and characters without a width: a
 * name made of them would look like another one, or like something that this page says.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\ufe0e\ufe0f]/gu;

/** `text` with everything that cannot be seen written as `\u{…}`. */
export function printable(text: string): string {
  return text.replace(HIDDEN, (mark) => `\\u{${mark.codePointAt(0)!.toString(16)}}`);
}
