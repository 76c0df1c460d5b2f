/** A reactor that does as many NOPs as a message says, then tells; the Worker of `ring_test.ts`. */
import { wrapArena } from "../../src/ring/arena.ts";
import { OP } from "../../src/ring/opcodes.ts";
import { Reactor, type ReactorSetup } from "../../src/ring/reactor.ts";

interface WorkerScope {
  onmessage: ((event: MessageEvent<ReactorSetup>) => void) | null;
  postMessage(message: unknown): void;
}
const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: setup }) => {
  const arena = wrapArena(setup.arenaBase, setup.arenaBytes);
  /** Messages whose NOPs have not all ended: how many there were, how many are left. */
  const running: { nops: number; left: number }[] = [];
  const report = () => {
    while (running.length > 0 && running[0]!.left === 0) scope.postMessage(running.shift()!.nops);
  };
  const reactor = new Reactor(arena, setup, (message) => {
    if (message === "stop") return stopWhenDone();
    const { nops } = message as { nops: number };
    const job = { nops, left: nops };
    running.push(job);
    const id = reactor.ring.addHandler({
      onCompletion: () => {
        job.left--;
        if (job.left === 0) reactor.ring.removeHandler(id);
        report();
      },
    });
    for (let i = 0; i < nops; i++) reactor.ring.prepare(OP.NOP, -1, 0, 0, 0, id, 0, i);
    report();
  });
  const again = { deferred: false, flush: () => stopWhenDone() };
  const tick = reactor.ring.addHandler({ onCompletion: () => reactor.defer(again) });
  function stopWhenDone(): void {
    if (running.length === 0) return reactor.stop();
    reactor.ring.prepare(OP.NOP, -1, 0, 0, 0, tick, 0, 0);
  }
  reactor.run();
  scope.postMessage("stopped");
};
