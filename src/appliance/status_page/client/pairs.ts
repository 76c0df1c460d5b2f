/** Lists of terms and their values. */
import { element, setChildren, setText } from "./dom.ts";

/** Makes a list of terms and values; what stays is not touched. */
export function showPairs(list: HTMLElement, pairs: readonly (readonly [string, string])[]): void {
  const terms = [...list.querySelectorAll("dt")];
  const values = [...list.querySelectorAll("dd")];
  if (terms.length !== pairs.length) {
    setChildren(
      list,
      pairs.map(([key, value]) =>
        element("div", {}, element("dt", {}, key), element("dd", {}, value))
      ),
    );
    return;
  }
  pairs.forEach(([key, value], index) => {
    setText(terms[index]!, key);
    setText(values[index]!, value);
  });
}
