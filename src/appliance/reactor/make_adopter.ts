/** The carriers of one thread. */
import { CarrierAdopter } from "../../fabric/carrier_adopter.ts";
import { IwarpAdopter } from "../../fabric/iwarp/iwarp_adopter.ts";
import { VerbsAdopter } from "../../fabric/verbs/verbs_adopter.ts";
import type { Executor } from "../../ring/executor.ts";
import type { ThreadCounters } from "./thread_counters.ts";

/** @param counters those of the thread of `executor` */
export function makeAdopter(executor: Executor, counters: ThreadCounters): CarrierAdopter {
  return new CarrierAdopter({
    iwarp: new IwarpAdopter(executor, counters.frameRejections.at),
    verbs: new VerbsAdopter(executor, counters.verbs.at),
  });
}
