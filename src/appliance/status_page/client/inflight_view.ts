/** Block requests that wait for their answer; asked for only while somebody looks. */
import type { InflightRequest } from "../../appliance_api.ts";
import { byId, element, setText } from "./dom.ts";
import { bytes, count, latency } from "./format.ts";
import { PagedTable, textColumn } from "./paged_table.ts";
import { ask } from "./poller.ts";

const PAUSE_MS = 1000;

const durationOf = ({ age_us }: InflightRequest): string => latency(age_us / 1e6);

function makeTable(): PagedTable<InflightRequest> {
  const text = textColumn<InflightRequest>;
  return new PagedTable({
    title: "Requests in flight",
    columns: [
      text({
        title: "Age",
        isNumber: true,
        importance: 1,
        order: ({ age_us }) => age_us,
        isLargestFirst: true,
        text: durationOf,
      }),
      text({
        title: "Operation",
        importance: 1,
        order: (row) => row.operation,
        text: ({ operation }) => operation.replace("_", " "),
      }),
      text({
        title: "Device",
        importance: 1,
        order: (row) => row.device,
        text: (row) => row.device,
      }),
      text({ title: "Session", importance: 2, order: (r) => r.sessname, text: (r) => r.sessname }),
      text({
        title: "Path",
        importance: 3,
        order: (row) => row.path,
        text: ({ path }) => path === "" ? "waits for one" : path.replace(",", " → "),
      }),
      text({
        title: "Offset",
        isNumber: true,
        importance: 2,
        order: (row) => row.offset_bytes,
        text: (row) => count(row.offset_bytes),
      }),
      text({
        title: "Length",
        isNumber: true,
        importance: 2,
        order: (row) => row.length_bytes,
        isLargestFirst: true,
        text: (row) => bytes(row.length_bytes),
      }),
      text({
        title: "Thread and slot",
        isNumber: true,
        importance: 3,
        text: ({ reactor, slot }) => `${reactor} / ${slot}`,
      }),
    ],
    keyOf: ({ side, reactor, slot, sessname }) => JSON.stringify([side, sessname, reactor, slot]),
    searchText: (row) => `${row.side} ${row.operation} ${row.device} ${row.sessname} ${row.path}`,
    whenEmpty: "No request waits for its answer.",
  });
}

/** See the head of this file. */
export class InflightView {
  private readonly table = makeTable();
  private readonly refusal = element("p", { class: "empty" });
  private readonly disclosure: HTMLDetailsElement;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const summary = element("summary", {}, "Requests in flight, the oldest first");
    this.disclosure = element("details", {}, summary, this.refusal, this.table.root);
    this.disclosure.addEventListener("toggle", () => void this.refresh());
    this.table.root.hidden = this.refusal.hidden = true;
    byId("inflight", HTMLElement).append(this.disclosure);
  }

  private async refresh(): Promise<void> {
    clearTimeout(this.timer);
    if (!this.disclosure.open) return;
    try {
      const response = await ask("/v1/inflight");
      const { requests } = await response.json() as { readonly requests: InflightRequest[] };
      this.table.update(requests);
      this.show(undefined);
    } catch (error) {
      this.show(error instanceof Error ? error.message : String(error));
    }
    // Opened anew meanwhile, it has a timer of its own already.
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), PAUSE_MS);
  }

  private show(refusal: string | undefined): void {
    this.table.root.hidden = refusal !== undefined;
    this.refusal.hidden = refusal === undefined;
    setText(this.refusal, refusal ?? "");
  }
}
