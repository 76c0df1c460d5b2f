/** A reactor that serves NBD connections from a {@link FakeDisk}. */
import { NbdConnection } from "../../../src/nbd/connection.ts";
import { NBD_COUNTERS } from "../../../src/nbd/counters.ts";
import { wrapArena } from "../../../src/ring/arena.ts";
import { CounterBlock } from "../../../src/ring/counters.ts";
import { Reactor } from "../../../src/ring/reactor.ts";
import { FakeDisk } from "./fake_disk.ts";
import type { FromReactor, ToReactor, WorkerSetup } from "./messages.ts";

const worker = self as unknown as Worker;
const tell = (message: FromReactor) => worker.postMessage(message);

worker.onmessage = ({ data }: MessageEvent<WorkerSetup>) => {
  const arena = wrapArena(data.reactor.arenaBase, data.reactor.arenaBytes);
  const connections = new Set<NbdConnection>();
  const reactor = new Reactor(arena, data.reactor, (message) => receive(message as ToReactor));
  const disk = new FakeDisk(reactor, data.disk, data.memory);
  const counters = new CounterBlock(arena, data.counters, NBD_COUNTERS);

  function receive(message: ToReactor): void {
    switch (message.kind) {
      case "serve": {
        const connection = new NbdConnection(reactor, disk, message.ticket, counters, (ticket) => {
          connections.delete(connection);
          tell({ kind: "closed", ticketId: ticket.id });
        });
        connections.add(connection);
        break;
      }
      case "disk":
        disk.isOpen = message.isOpen;
        break;
      case "failures":
        disk.failures = message.failures;
        break;
      case "close":
        for (const connection of connections) connection.close();
        break;
      case "drain":
        for (const connection of connections) connection.drain();
        break;
      case "figures":
        tell({
          kind: "figures",
          id: message.id,
          enters: reactor.ring.enters,
          permitsOut: disk.permitsOut,
          connections: connections.size,
          heapBytes: Deno.memoryUsage().heapUsed,
        });
        break;
      case "stop":
        reactor.stop();
    }
  }

  tell({ kind: "ready" });
  reactor.run();
  tell({ kind: "stopped" });
};
