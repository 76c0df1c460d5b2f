/**
 * Few guests at a time on one machine, whoever starts them. A guest has two processors, but much of
 * a case is waiting for time-outs.
 */
import { sleep } from "../../support/process.ts";
import { cacheRoot } from "./cache.ts";

const RETRY_MS = 500;

const SLOTS_MAX = 4;

/** How many guests run at a time on this machine; `RNBD_TEST_VM_GUESTS` says otherwise. */
export function slotCount(): number {
  const chosen = Number(Deno.env.get("RNBD_TEST_VM_GUESTS") ?? 0);
  return chosen > 0 ? chosen : Math.min(SLOTS_MAX, navigator.hardwareConcurrency);
}

/** Runs `work` when a slot is free; a slot ends with the process that has it. */
export async function withSlot<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    for (let index = 0; index < slotCount(); index++) {
      using file = await Deno.open(`${cacheRoot()}/slot-${index}`, { write: true, create: true });
      if (await file.tryLock(true)) return await work();
    }
    await sleep(RETRY_MS);
  }
}
