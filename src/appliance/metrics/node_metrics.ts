/** What the program tells of itself when it is asked how it is doing. */
import type { InflightRequest } from "../appliance_api.ts";
import type { Runtime } from "../runtime.ts";
import type { Status } from "../status.ts";
import { collectInflight, type NameRequest } from "./inflight.ts";
import { MetricsText } from "./metrics_text.ts";
import { readProcessFigures } from "./process_figures.ts";

/** See the head of this file. One object for the life of the program. */
export class NodeMetrics {
  private readonly text = new MetricsText();

  /** @param name says what the handles of this program's own sessions, devices and paths mean */
  constructor(private readonly runtime: Runtime, private readonly name: NameRequest) {}

  /** Everything that is measured, in Prometheus' text format. */
  render(status: Status): string {
    const { mappingIo, exportIo, pathIo } = this.runtime;
    return this.text.render({
      status,
      process: readProcessFigures(),
      mappings: mappingIo.histograms(),
      exports: exportIo.histograms(),
      paths: pathIo.histograms(),
    });
  }

  /** Requests in flight, the oldest first; at most `limit` of each reactor. */
  inflight(limit: number): Promise<InflightRequest[]> {
    return collectInflight(this.runtime.reactors, limit, this.name);
  }
}
