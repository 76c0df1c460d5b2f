/** Checks that simulations add to a process from outside. */
import type { SimProcess } from "../../src/fabric/sim/process.ts";
import type { SimFabric } from "../../src/fabric/sim/sim_fabric.ts";
import { expect } from "./world_parts.ts";

/** Memory must not go back to the allocator while a peer may still write to it. */
export function guardRegistrations(process: SimProcess, fabric: SimFabric): void {
  const { memory } = process;
  const release = memory.release.bind(memory);
  memory.release = (offset) => {
    for (const range of fabric.registrations) {
      const isRegistered = offset <= range.at && range.at < offset + range.length;
      expect(!isRegistered, () => `${process.address} frees registered memory at ${offset}`);
    }
    release(offset);
  };
}
