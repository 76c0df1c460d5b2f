/** Latency histograms as the appliance tells them. */
import { labelsOf, PrometheusText } from "../../src/appliance/metrics/prometheus_text.ts";
import { LATENCY_BUCKETS } from "../../src/rnbd/io_statistics.ts";

/** Counts of all buckets: all requests took the same. */
export const bucketsAt = (index: number, count: number): number[] =>
  Array.from({ length: LATENCY_BUCKETS }, (_, i) => i === index ? count : 0);

/** A page of metrics. @param buckets of every operation of each device */
export function metricsOf(
  buckets: Readonly<Record<string, readonly number[]>>,
  operations: readonly string[] = ["read"],
): string {
  const text = new PrometheusText();
  const histograms = Object.entries(buckets).flatMap(([device, counts]) =>
    operations.map((operation) => {
      const histogram = { ios: 0, bytes: 0, errors: 0, buckets: counts, latencySumUs: 0 };
      return [labelsOf({ device, operation }), histogram] as const;
    })
  );
  text.histogram("rnbd_client_device_request_duration_seconds", "Help.", histograms);
  return text.toString();
}
