/** Prometheus' text format, as much of it as the latency histograms need. */
import { type Histogram, sum } from "./histogram.ts";

const BUCKET = "_bucket{";
const BOUND = 'le="';
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The labels of a sample. */
export type Labels = Readonly<Record<string, string>>;

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(LABEL)) {
    labels[name!] = value!.replace(/\\(.)/g, (_, mark) => mark === "n" ? "\n" : mark);
  }
  return labels;
}

/**
 * Collects the histograms of a page of metrics. There may be tens of thousands of lines: what is
 * the same in all lines of a histogram is looked at once. `le` is the last label, as the appliance
 * writes it.
 * @param keyOf under which key a histogram goes, from its family and labels; those with the same
 *   key are added up; undefined leaves it out
 */
export function readHistograms(
  text: string,
  keyOf: (family: string, labels: Labels) => string | undefined,
): Map<string, Histogram> {
  const found = new Map<string, Histogram>();
  let bounds: number[] = [];
  let counts: number[] = [];
  for (const line of text.split("\n")) {
    const start = line.indexOf(BUCKET);
    const at = line.lastIndexOf(BOUND);
    if (start < 0 || at < start || line.startsWith("#")) continue;
    const end = line.indexOf('"', at + BOUND.length);
    const bound = line.slice(at + BOUND.length, end);
    bounds.push(bound === "+Inf" ? Infinity : Number(bound));
    counts.push(Number(line.slice(line.indexOf(" ", end))));
    if (bound !== "+Inf") continue;
    const key = keyOf(line.slice(0, start), readLabels(line.slice(start + BUCKET.length, at)));
    if (key !== undefined) {
      const earlier = found.get(key);
      const histogram = { bounds, counts };
      found.set(key, earlier === undefined ? histogram : sum(earlier, histogram) ?? earlier);
    }
    bounds = [];
    counts = [];
  }
  return found;
}
