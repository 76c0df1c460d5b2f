/** Checks that simulations add to a process from outside. */
import type { SimProcess } from "../../src/fabric/sim/process.ts";
import type { SimFabric } from "../../src/fabric/sim/sim_fabric.ts";
import { expect } from "./world_parts.ts";

/** Memory must not go back to the allocator while a peer may still write to it. */
export function guardRegistrations(process: SimProcess, fabric: SimFabric): void {
  const { memory } = process;
  const lengths = new Map<number, number>();
  const allocate = memory.allocate.bind(memory);
  const release = memory.release.bind(memory);
  memory.allocate = (bytes, subject) => {
    const offset = allocate(bytes, subject);
    lengths.set(offset, bytes);
    return offset;
  };
  memory.release = (offset) => {
    const end = offset + (lengths.get(offset) ?? 0);
    for (const { at } of fabric.registrations) {
      const isRegistered = offset <= at && at < end;
      expect(!isRegistered, () => `${process.address} frees registered memory at ${offset}`);
    }
    release(offset);
  };
}
