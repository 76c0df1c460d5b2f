/**
 * The only place where text becomes part of the page: always as text, never as markup, and
 * {@link printable}. Nothing of a style attribute, nothing of a handler attribute.
 */
import { printable } from "./printable.ts";

/** What an element can be given to hold. */
export type Child = Node | string;

/** Attributes; false and undefined leave one out, true gives an empty one. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Sets or takes away attributes; those that are right already are not touched. */
export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) {
      target.removeAttribute(name);
      continue;
    }
    const text = value === true ? "" : printable(String(value));
    if (target.getAttribute(name) !== text) target.setAttribute(name, text);
  }
}

/** A new element. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  append(made, children);
  return made;
}

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/** A new element of a drawing. */
export function drawing<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: SVGElement[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS(SVG_NAMESPACE, tag);
  setAttributes(made, attributes);
  append(made, children);
  return made;
}

function append(parent: Element, children: readonly Child[]): void {
  for (const child of children) {
    parent.append(typeof child === "string" ? printable(child) : child);
  }
}

/** A frame for a table that may be wider than it, to scroll with the keyboard, too. */
export const scrollFrame = (title: string, table: HTMLTableElement): HTMLElement =>
  element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": title }, table);

/** Makes `text` all that `target` holds; what is right already is not touched. */
export function setText(target: Element, text: string): void {
  const shown = printable(text);
  if (target.textContent !== shown) target.textContent = shown;
}

/** Makes `children` all that `target` holds. */
export function setChildren(target: Element, children: readonly Child[]): void {
  target.replaceChildren();
  append(target, children);
}

/**
 * An element of the page as it was served.
 * @throws when the page has none of this id and kind: page.html and the code differ
 */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`page.html has no ${kind.name} #${id}`);
  return found;
}
