/** Keys (STags) and announced addresses of registered memory. */
import type { MemoryAccess, RegisteredMemory } from "../fabric.ts";

/**
 * High word of announced addresses: far from any native address, so that none leaks, and from the
 * small numbers that a decoder's heuristics take for other protocols.
 */
const ANNOUNCED_ADDRESS_HIGH = 0x100;

/** Gives every registration a key that a peer cannot guess and that no other live one has. */
export class RegistrationKeys {
  private readonly live = new Set<number>();
  private readonly random = new Uint32Array(1);

  /** @param at, length arena range, bytes */
  register(at: number, length: number, access: MemoryAccess): RegisteredMemory {
    const address = { high: ANNOUNCED_ADDRESS_HIGH, low: 0 };
    // Sockets send from anywhere: local memory needs no key.
    if (access !== "remote") return { at, length, access, lkey: 0, rkey: 0, address };
    let rkey = 0;
    do {
      crypto.getRandomValues(this.random);
      rkey = this.random[0]!;
    } while (rkey === 0 || this.live.has(rkey));
    this.live.add(rkey);
    return { at, length, access, lkey: 0, rkey, address };
  }

  unregister(memory: RegisteredMemory): void {
    this.live.delete(memory.rkey);
  }
}
