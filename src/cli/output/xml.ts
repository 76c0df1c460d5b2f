/** XML 1.0 of plain data. */
import { escapeHarmful } from "./printable.ts";

/** Of lists whose name in the singular is not the name without `s`. */
const SINGULARS: Readonly<Record<string, string>> = {
  pending: "step",
  stale_because: "line",
  advice: "line",
  closed: "client",
  needed_for: "way",
  inflight: "request",
};

/** What XML 1.0 can hold (section 2.2, Char), beside surrogates that stand alone. */
const IMPOSSIBLE =
  // deno-lint-ignore no-control-regex
  /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu;

const NAME = /^[A-Za-z_][\w.-]*$/;

/**
 * A document. Objects become elements, lists elements with one for each item, null an empty
 * element with `nil="true"`. Characters that XML cannot have become U+FFFD.
 * @param root name of the outermost element
 */
export function toXml(root: string, value: unknown): string {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', ...element(root, value, "")];
  return lines.join("\n");
}

/** The lines of one element. */
export function element(name: string, value: unknown, indent: string): string[] {
  const isName = NAME.test(name);
  const tag = isName ? name : "entry";
  const start = isName ? tag : `${tag} key="${escapeText(name)}"`;
  if (value === null || value === undefined) return [`${indent}<${start} nil="true"/>`];
  if (typeof value !== "object") {
    return [`${indent}<${start}>${escapeText(String(value))}</${tag}>`];
  }
  const inner = `${indent}  `;
  const children = Array.isArray(value)
    ? value.flatMap((item) => element(singular(name), item, inner))
    : Object.entries(value).flatMap(([key, item]) => element(key, item, inner));
  if (children.length === 0) return [`${indent}<${start}/>`];
  return [`${indent}<${start}>`, ...children, `${indent}</${tag}>`];
}

function singular(name: string): string {
  const known = SINGULARS[name];
  if (known !== undefined) return known;
  return name.endsWith("s") && name.length > 1 ? name.slice(0, -1) : "item";
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Text between tags or in an attribute; what a terminal would obey becomes a reference. */
function escapeText(text: string): string {
  const possible = text.replaceAll(IMPOSSIBLE, "\ufffd").replaceAll(/[&<>"]/g, (c) => ENTITIES[c]!);
  return escapeHarmful(possible, (codePoint) => `&#x${codePoint.toString(16)};`);
}
