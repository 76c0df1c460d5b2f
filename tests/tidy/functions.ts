/** Measures functions by their braces. */

/** A function body, by 1-based line numbers. */
export interface FunctionSpan {
  readonly firstLine: number;
  readonly lastLine: number;
}

const CONTROL = new Set(["if", "for", "while", "switch", "catch", "with"]);

/** Position of the bracket that `close` at `at` belongs to. */
function openingOf(code: string, at: number, open: string, close: string): number {
  let depth = 0;
  for (let i = at; i >= 0; i--) {
    if (code[i] === close) depth++;
    else if (code[i] === open && --depth === 0) return i;
  }
  return -1;
}

/** Where the head of the function starts whose body opens at `brace`; -1 when it is no function. */
function headOf(code: string, brace: number): number {
  const before = code.slice(0, brace).trimEnd();
  if (before.endsWith("=>")) return before.length - 2;
  // A return type may stand between the parameters and the body.
  const typed = /\)\s*(?::\s*[\w\s<>,.|[\]"&?]+)?$/.exec(before.slice(-400));
  if (typed === null) return -1;
  const parenthesis = before.length - typed[0].length;
  const opening = openingOf(before, parenthesis, "(", ")");
  const word = /(\w+)\s*$/.exec(before.slice(Math.max(0, opening - 40), opening))?.[1];
  return word === undefined || CONTROL.has(word) ? -1 : opening;
}

/** Every function body in `code` (comments and strings already blanked). */
export function findFunctions(code: string): FunctionSpan[] {
  const lineAt = (position: number) => code.slice(0, position).split("\n").length;
  const spans: FunctionSpan[] = [];
  const open: number[] = [];
  for (let i = 0; i < code.length; i++) {
    if (code[i] === "{") open.push(i);
    if (code[i] !== "}") continue;
    const start = open.pop();
    if (start === undefined) continue;
    const head = headOf(code, start);
    if (head >= 0) spans.push({ firstLine: lineAt(head), lastLine: lineAt(i) });
  }
  return spans;
}
