/**
 * Prometheus' text format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */
import { LATENCY_BOUNDS_US } from "../../rnbd/io_statistics.ts";
import type { IoHistogram } from "./io_totals.ts";

/** A value and what it is of: labels as {@link labelsOf} writes them. */
export type Sample = readonly [labels: string, value: number];

const US_PER_SECOND = 1e6;
const BUCKET_BOUNDS = LATENCY_BOUNDS_US.map((us) => `le="${us / US_PER_SECOND}"} `);

function escapeLabel(value: string): string {
  return value.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    .replaceAll("\n", "\\n");
}

/** `name="value",…` without the braces; empty for none. */
export function labelsOf(labels: Readonly<Record<string, string | number>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(String(value))}"`)
    .join(",");
}

function formatValue(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

/** Collects families; one that has no samples is left out. */
export class PrometheusText {
  private readonly lines: string[] = [];

  /** One value a set of labels: those of samples that have the same labels are added up. */
  family(
    name: string,
    type: "counter" | "gauge",
    help: string,
    samples: Iterable<Sample>,
  ): void {
    const values = new Map<string, number>();
    for (const [labels, value] of samples) values.set(labels, (values.get(labels) ?? 0) + value);
    if (values.size === 0) return;
    this.head(name, type, help);
    for (const [labels, value] of values) {
      this.lines.push(`${name}${labels === "" ? "" : `{${labels}}`} ${formatValue(value)}`);
    }
  }

  /** Latencies in seconds; each set of labels comes once and is not empty. */
  histogram(
    name: string,
    help: string,
    histograms: Iterable<readonly [string, IoHistogram]>,
  ): void {
    let isEmpty = true;
    for (const [labels, { buckets, latencySumUs }] of histograms) {
      if (isEmpty) this.head(name, "histogram", help);
      isEmpty = false;
      const line = `${name}_bucket{${labels},`;
      let count = 0;
      BUCKET_BOUNDS.forEach((bound, i) => {
        count += buckets[i]!;
        this.lines.push(line + bound + count);
      });
      count += buckets.at(-1)!;
      this.lines.push(`${line}le="+Inf"} ${count}`);
      this.lines.push(`${name}_sum{${labels}} ${latencySumUs / US_PER_SECOND}`);
      this.lines.push(`${name}_count{${labels}} ${count}`);
    }
  }

  private head(name: string, type: string, help: string): void {
    const text = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    this.lines.push(`# HELP ${name} ${text}`, `# TYPE ${name} ${type}`);
  }

  /** Everything so far. */
  toString(): string {
    return this.lines.length === 0 ? "" : `${this.lines.join("\n")}\n`;
  }
}
