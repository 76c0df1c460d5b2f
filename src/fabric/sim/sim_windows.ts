/**
 * Simulated memory windows. A write that comes before the end of a close still lands, as on real
 * hardware, and keys are renewed as there: by counting in their low byte.
 */
import type {
  ConnectionWindows,
  MemoryWindows,
  RegisteredMemory,
  WindowHandler,
} from "../fabric.ts";
import type { SimNetwork } from "./network.ts";
import type { SimConnection } from "./sim_connection.ts";

const TWO_32 = 2 ** 32;
const KEY_COUNT_MASK = 0xff;
/** Time from a close to its completion, at most. */
const CLOSE_MS_MAX = 0.05;

/** One window, known to all connections of its path by its handle. */
export interface SimWindow {
  rkey: number;
  isOpen: boolean;
}

function nextKey(rkey: number): number {
  return ((rkey & ~KEY_COUNT_MASK) | ((rkey + 1) & KEY_COUNT_MASK)) >>> 0;
}

/** The windows of a path, as one connection uses them. */
export class SimConnectionWindows implements ConnectionWindows {
  constructor(
    private readonly network: SimNetwork,
    private readonly connection: SimConnection,
    private readonly windows: MemoryWindows,
    private readonly handler: WindowHandler,
  ) {}

  private windowOf(index: number): SimWindow {
    return this.network.windows.get(this.windows.handles[index]!)!;
  }

  open(index: number): number {
    if (this.connection.state !== "open") return 0;
    const window = this.windowOf(index);
    if (window.isOpen) this.network.violations.push(`window ${index} was opened twice`);
    window.rkey = nextKey(window.rkey);
    window.isOpen = true;
    return window.rkey;
  }

  close(index: number): void {
    if (this.connection.state !== "open") return;
    const window = this.windowOf(index);
    if (!window.isOpen) this.network.violations.push(`window ${index} was closed twice`);
    const { process } = this.connection;
    process.schedule(this.network.random.between(0, CLOSE_MS_MAX), () => {
      if (this.connection.state !== "open") return;
      window.rkey = nextKey(window.rkey);
      window.isOpen = false;
      this.handler.onWindowClosed(index);
    });
  }

  /** The range that a peer may write to with `rkey`, if it is that of an open window. */
  find(rkey: number): RegisteredMemory | undefined {
    const { memory, windowBytes, handles } = this.windows;
    const index = handles.findIndex((handle) => {
      const window = this.network.windows.get(handle);
      return window !== undefined && window.isOpen && window.rkey === rkey;
    });
    if (index < 0) return undefined;
    const low = memory.address.low + index * windowBytes;
    const address = { high: memory.address.high + Math.floor(low / TWO_32), low: low % TWO_32 };
    const at = memory.at + index * windowBytes;
    return { at, length: windowBytes, access: "remote", lkey: 0, rkey, address };
  }
}
