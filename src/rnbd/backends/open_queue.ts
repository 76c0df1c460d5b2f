/** The queue of a ticket, by its kind. */
import type { Executor } from "../../ring/executor.ts";
import type { OpenBackendQueue } from "../backend.ts";
import { FileQueue } from "./file_queue.ts";
import { MemoryQueue } from "./memory_queue.ts";
import { NullQueue } from "./null_queue.ts";

/**
 * How one thread opens back ends.
 * @param zeroesAt arena offset of the shared zeroes (`allocateZeroes` on main)
 */
export function backendOpener(executor: Executor, zeroesAt: number): OpenBackendQueue {
  return (ticket, queueDepth, handler) => {
    switch (ticket.kind) {
      case "file":
      case "block":
        return new FileQueue(executor, zeroesAt, ticket, queueDepth, handler);
      case "memory":
        return new MemoryQueue(executor, ticket, queueDepth, handler);
      case "null":
        return new NullQueue(executor.arena, zeroesAt, ticket, handler);
      case "sim":
        throw new TypeError(`Disk ${ticket.identity} exists in simulations only`);
    }
  };
}
