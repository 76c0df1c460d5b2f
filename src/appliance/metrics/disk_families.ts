/** Families of what was done with disks: mapped ones and exported ones alike. */
import { IO_OPERATIONS, type IoOperation, type Status } from "../status.ts";
import type { IoHistogram, IoHistograms } from "./io_totals.ts";
import { pathLabels } from "./path_rows.ts";
import { labelsOf, type PrometheusText, type Sample } from "./prometheus_text.ts";

/** What a ledger knows: each disk that was ever used, by its name. */
export type DiskHistograms = readonly (readonly [name: string, histograms: IoHistograms])[];

/** Told from the start, so that the first request is seen as an increase. */
const ALWAYS_TOLD: readonly IoOperation[] = ["read", "write"];

type Labelled = readonly (readonly [labels: string, histogram: IoHistogram])[];

function select(
  all: DiskHistograms,
  labels: (name: string) => Readonly<Record<string, string>>,
  isTold: (operation: IoOperation, histogram: IoHistogram) => boolean,
): Labelled {
  return all.flatMap(([name, histograms]) =>
    IO_OPERATIONS.filter((operation) => isTold(operation, histograms[operation])).map((operation) =>
      [labelsOf({ ...labels(name), operation }), histograms[operation]] as const
    )
  );
}

const deviceLabels = (device: string) => ({ device });

function writeErrors(text: PrometheusText, prefix: string, told: Labelled): void {
  text.family(
    `${prefix}_request_errors_total`,
    "counter",
    "Block requests that ended with an error.",
    told.map(([labels, { errors }]): Sample => [labels, errors]),
  );
}

function writeDurations(text: PrometheusText, prefix: string, told: Labelled): void {
  const help = "How long requests that succeeded took.";
  text.histogram(`${prefix}_request_duration_seconds`, help, told);
}

const hasSucceeded = (_operation: IoOperation, { ios, errors }: IoHistogram) => ios > errors;

/**
 * Requests, bytes, errors and latencies. An operation that was never used is left out; one that
 * was stays.
 * @param prefix of the families' names
 */
export function writeDiskIo(text: PrometheusText, prefix: string, disks: DiskHistograms): void {
  const told = select(
    disks,
    deviceLabels,
    (operation, { ios }) => ios > 0 || ALWAYS_TOLD.includes(operation),
  );
  const samples = (value: (histogram: IoHistogram) => number) =>
    told.map(([labels, histogram]): Sample => [labels, value(histogram)]);
  text.family(
    `${prefix}_requests_total`,
    "counter",
    "Block requests that have ended, with errors or without.",
    samples(({ ios }) => ios),
  );
  text.family(
    `${prefix}_request_bytes_total`,
    "counter",
    "Bytes of requests that succeeded: data, or the range that was discarded or zeroed.",
    samples(({ bytes }) => bytes),
  );
  writeErrors(text, prefix, told);
  writeDurations(text, prefix, select(disks, deviceLabels, hasSucceeded));
}

/** Errors and latencies of what paths to servers carried, of all devices together. */
export function writePathIo(text: PrometheusText, paths: DiskHistograms): void {
  const prefix = "rnbd_client_path";
  writeErrors(text, prefix, select(paths, pathLabels, (_, { ios }) => ios > 0));
  writeDurations(text, prefix, select(paths, pathLabels, hasSucceeded));
}

/** What is known of mapped devices besides their requests. */
export function writeMappings(text: PrometheusText, { mappings }: Status): void {
  text.family(
    "rnbd_client_device_info",
    "gauge",
    "What a mapping is; always 1.",
    mappings.map((mapping): Sample => [
      labelsOf({
        device: mapping.name,
        sessname: mapping.sessname,
        device_path: mapping.device_path,
        access_mode: mapping.access_mode,
        expose: mapping.expose,
        origin: mapping.origin,
      }),
      1,
    ]),
  );
  const each = (value: (mapping: Status["mappings"][number]) => number) =>
    mappings.map((mapping): Sample => [labelsOf({ device: mapping.name }), value(mapping)]);
  text.family(
    "rnbd_client_device_open",
    "gauge",
    "1 while the mapping is open and can be used, else 0.",
    each(({ state }) => state === "open" ? 1 : 0),
  );
  text.family(
    "rnbd_client_device_size_bytes",
    "gauge",
    "Size of the mapped device; 0 while it was never open.",
    each(({ size_bytes }) => size_bytes),
  );
}

/** What is known of exported devices that are open. */
export function writeExports(text: PrometheusText, { exports }: Status): void {
  text.family(
    "rnbd_server_device_clients",
    "gauge",
    "Clients that have the exported device open.",
    exports.map(({ device, clients }): Sample => [labelsOf({ device }), clients.length]),
  );
  text.family(
    "rnbd_server_device_size_bytes",
    "gauge",
    "Size of the exported device.",
    exports.map(({ device, size_bytes }): Sample => [labelsOf({ device }), size_bytes]),
  );
}
