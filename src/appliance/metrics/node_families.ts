/** Families of the program itself: what it is, its config, its threads, what it refused. */
import type { PlanKind, Status } from "../status.ts";
import type { ProcessFigures } from "./process_figures.ts";
import { labelsOf, type PrometheusText, type Sample } from "./prometheus_text.ts";

const MS_PER_SECOND = 1000;
const PLAN_KINDS: readonly PlanKind[] = ["node", "server", "export", "session", "mapping"];

/** Counters of a reactor that have families of their own. */
const ENTERS = "io_uring_enters";
const HEAP = "heap_bytes";

/** The process as the kernel sees it, by the names that every program uses. */
export function writeProcess(text: PrometheusText, figures: ProcessFigures): void {
  const one = (name: string, type: "counter" | "gauge", help: string, value: number) =>
    text.family(`process_${name}`, type, help, [["", value]]);
  one("cpu_seconds_total", "counter", "Processor time, user and system.", figures.cpuSeconds);
  one("resident_memory_bytes", "gauge", "Memory in use.", figures.residentBytes);
  one("virtual_memory_bytes", "gauge", "Address space in use.", figures.virtualBytes);
  one("open_fds", "gauge", "Open file descriptors.", figures.openFds);
  one("max_fds", "gauge", "File descriptors that may be open.", figures.maxFds);
  one("start_time_seconds", "gauge", "Start, Unix time.", figures.startTimeSeconds);
}

/** What it is, and how it stands to its config. */
export function writeConfig(text: PrometheusText, { version, node, config }: Status): void {
  const info = labelsOf({ version, node });
  text.family("rnbd_build_info", "gauge", "The program and its node; always 1.", [[info, 1]]);
  text.family(
    "rnbd_config_stale",
    "gauge",
    "1 while the config files have errors and the config before them goes on, else 0.",
    [["", config.state === "stale" ? 1 : 0]],
  );
  text.family(
    "rnbd_config_applied_timestamp_seconds",
    "gauge",
    "When the config that is in force was taken over, Unix time.",
    [["", Date.parse(config.applied_at) / MS_PER_SECOND]],
  );
  text.family(
    "rnbd_config_pending_steps",
    "gauge",
    "Steps that are missing until the node is as its config says.",
    PLAN_KINDS.map((kind): Sample => [
      labelsOf({ kind }),
      config.pending.filter((step) => step.kind === kind).length,
    ]),
  );
}

/** Threads, memory, and what was turned down. */
export function writeReactors(text: PrometheusText, status: Status): void {
  const each = (name: string) =>
    status.reactors.map(({ index, counters }): Sample => [
      labelsOf({ reactor: index }),
      counters[name] ?? 0,
    ]);
  text.family(
    "rnbd_reactor_io_uring_enters_total",
    "counter",
    "Calls of io_uring_enter.",
    each(ENTERS),
  );
  text.family(
    "rnbd_reactor_heap_bytes",
    "gauge",
    "JavaScript heap in use when the thread was last asked.",
    each(HEAP),
  );
  text.family(
    "rnbd_reactor_activity_total",
    "counter",
    "What the thread did, by kind.",
    status.reactors.flatMap(({ index, counters }) =>
      Object.entries(counters).filter(([name]) => name !== ENTERS && name !== HEAP)
        .map(([activity, count]): Sample => [labelsOf({ reactor: index, activity }), count])
    ),
  );
  text.family(
    "rnbd_memory_used_bytes",
    "gauge",
    "Memory for chunks, buffers and memory disks.",
    [["", status.memory_bytes]],
  );
  text.family(
    "rnbd_rejections_total",
    "counter",
    "Refused messages and requests, by reason.",
    Object.entries(status.rejections).map(([reason, count]): Sample => [
      labelsOf({ reason }),
      count,
    ]),
  );
}
