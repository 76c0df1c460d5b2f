/** What the parts of the page are drawn from. */
import type { ApplianceEvent } from "../../appliance_api.ts";
import type { Status } from "../../status.ts";
import type { History } from "./history.ts";
import type { LatencyBook } from "./latency_book.ts";
import type { Problem, Subject } from "./problems.ts";

/** Everything that is known now. */
export interface Model {
  readonly status: Status;
  readonly history: History;
  readonly latency: LatencyBook;
  readonly problems: readonly Problem[];
  readonly events: readonly ApplianceEvent[];
  /** Wall clock of the status: the right end of the charts. */
  readonly nowMs: number;
}

/** A part of the page. */
export interface View {
  update(model: Model): void;
}

/** Shows what is known about one thing. */
export type OpenDetails = (subject: Subject) => void;
