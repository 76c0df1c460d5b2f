/** Everything that is measured, as Prometheus reads it. */
import type { Status } from "../status.ts";
import { CounterMemory } from "./counter_memory.ts";
import {
  type DiskHistograms,
  writeDiskIo,
  writeExports,
  writeMappings,
  writePathIo,
} from "./disk_families.ts";
import { GONE_SERIES_MAX } from "./limits.ts";
import { writeConfig, writeProcess, writeReactors } from "./node_families.ts";
import type { ProcessFigures } from "./process_figures.ts";
import { PrometheusText } from "./prometheus_text.ts";
import { writeClientSessions, writeServerSessions } from "./session_families.ts";

/** What is told; all of one moment. */
export interface MetricsInput {
  readonly status: Status;
  readonly process: ProcessFigures;
  readonly mappings: DiskHistograms;
  readonly exports: DiskHistograms;
  /** By the keys of `path_rows.ts`. */
  readonly paths: DiskHistograms;
}

/** See the head of this file. One object for the life of the program: it remembers counts. */
export class MetricsText {
  private readonly memory = new CounterMemory(GONE_SERIES_MAX);

  /** Labels are bounded: names of the config, of clients that are connected, and fixed words. */
  render({ status, process, mappings, exports, paths }: MetricsInput): string {
    const text = new PrometheusText();
    writeConfig(text, status);
    writeProcess(text, process);
    writeReactors(text, status);
    writeMappings(text, status);
    writeDiskIo(text, "rnbd_client_device", mappings);
    writeClientSessions(text, status, this.memory);
    writePathIo(text, paths);
    writeExports(text, status);
    writeDiskIo(text, "rnbd_server_device", exports);
    writeServerSessions(text, status, this.memory);
    this.memory.endRound();
    return text.toString();
  }
}
