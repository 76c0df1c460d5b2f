/** Families of sessions and their paths: those to servers and those of clients. */
import type { PathStatus, Status } from "../status.ts";
import type { CounterMemory } from "./counter_memory.ts";
import { labelsOf, type PrometheusText, type Sample } from "./prometheus_text.ts";

const US_PER_SECOND = 1e6;

interface Session {
  readonly sessname: string;
  readonly paths: readonly PathStatus[];
}

/** `source,destination`, as paths are named everywhere; the source may not be known yet. */
function pathName({ src_addr, dst_addr }: PathStatus): string {
  return src_addr === "" ? dst_addr : `${src_addr},${dst_addr}`;
}

/** @param prefix of the families' names; rx and tx are as seen from this side */
function writePaths(
  text: PrometheusText,
  prefix: string,
  sessions: readonly Session[],
  memory: CounterMemory,
): void {
  const paths = sessions.flatMap(({ sessname, paths }) =>
    paths.map((path) => [labelsOf({ sessname, path: pathName(path) }), path] as const)
  );
  const gauge = (name: string, help: string, value: (path: PathStatus) => number) =>
    text.family(
      `${prefix}_${name}`,
      "gauge",
      help,
      paths.map(([labels, path]): Sample => [labels, value(path)]),
    );
  const counter = (name: string, help: string, value: (path: PathStatus) => number) => {
    // Paths that were never connected may share a name.
    const sums = new Map<string, number>();
    for (const [labels, path] of paths) {
      sums.set(labels, (sums.get(labels) ?? 0) + value(path));
    }
    const samples = [...sums].map(([labels, sum]): Sample => [
      labels,
      memory.advance(`${prefix}_${name} ${labels}`, sum),
    ]);
    text.family(`${prefix}_${name}`, "counter", help, samples);
  };
  gauge(
    "connected",
    "1 while the path is connected, else 0.",
    ({ state }) => state === "connected" ? 1 : 0,
  );
  gauge("inflight_requests", "Requests that wait for an answer.", ({ inflight }) => inflight);
  gauge(
    "latency_seconds",
    "Round trip of the path's last heartbeats; 0 while unknown.",
    ({ latency_us }) => latency_us / US_PER_SECOND,
  );
  counter("reconnects_total", "Times that the path came back.", ({ reconnects }) => reconnects);
  counter("receive_bytes_total", "Payload that came in.", ({ rx_bytes }) => rx_bytes);
  counter("transmit_bytes_total", "Payload that went out.", ({ tx_bytes }) => tx_bytes);
}

/** Sessions to servers. */
export function writeClientSessions(
  text: PrometheusText,
  { sessions }: Status,
  memory: CounterMemory,
): void {
  const each = (value: (session: Status["sessions"][number]) => number) =>
    sessions.map((session): Sample => [labelsOf({ sessname: session.sessname }), value(session)]);
  text.family(
    "rnbd_client_session_connected",
    "gauge",
    "1 while some path of the session is connected, else 0.",
    each(({ state }) => state === "connected" ? 1 : 0),
  );
  text.family(
    "rnbd_client_session_queue_depth",
    "gauge",
    "Requests that the server takes at a time; 0 before the first connection.",
    each(({ queue_depth }) => queue_depth),
  );
  text.family(
    "rnbd_client_session_max_io_bytes",
    "gauge",
    "Longest request that the server takes; 0 before the first connection.",
    each(({ max_io_size }) => max_io_size),
  );
  text.family(
    "rnbd_client_session_reconnects_total",
    "counter",
    "Times that the session came back.",
    sessions.map(({ sessname, reconnects }): Sample => {
      const labels = labelsOf({ sessname });
      return [labels, memory.advance(`rnbd_client_session_reconnects_total ${labels}`, reconnects)];
    }),
  );
  writePaths(text, "rnbd_client_path", sessions, memory);
}

/** Sessions that clients have opened here; one that has not told its name yet is left out. */
export function writeServerSessions(
  text: PrometheusText,
  { clients, listeners }: Status,
  memory: CounterMemory,
): void {
  const named = clients.filter(({ sessname }) => sessname !== "");
  text.family("rnbd_server_listeners", "gauge", "Addresses that the server listens on.", [
    ["", listeners.length],
  ]);
  text.family("rnbd_server_sessions", "gauge", "Sessions of clients.", [["", named.length]]);
  text.family(
    "rnbd_server_session_devices",
    "gauge",
    "Devices that the client has open.",
    named.map(({ sessname, devices }): Sample => [labelsOf({ sessname }), devices]),
  );
  writePaths(text, "rnbd_server_path", named, memory);
}
