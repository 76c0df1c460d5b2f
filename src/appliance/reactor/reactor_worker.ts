/** Entry of a reactor's Worker: one message in (the setup), then the loop until it is stopped. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { wrapArena } from "../../ring/arena.ts";
import { Reactor } from "../../ring/reactor.ts";
import type { ReactorCommand, ReactorEvent, ReactorWorkerSetup } from "./messages.ts";
import { ReactorHost } from "./reactor_host.ts";

const emit = (event: ReactorEvent) => self.postMessage(event);

function run(setup: ReactorWorkerSetup): void {
  const arena = wrapArena(setup.arenaBase, setup.arenaBytes);
  const reactor: Reactor = new Reactor(
    arena,
    setup,
    (message) => host.execute(message as ReactorCommand),
  );
  const host = new ReactorHost(reactor, setup, () => reactor.stop(), emit);
  reactor.run();
}

self.onmessage = (message: MessageEvent<ReactorWorkerSetup>) => {
  try {
    run(message.data);
    emit({ kind: "stopped" });
  } catch (error) {
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    emit({ kind: "failed", message: text });
  }
  self.close();
};
