/** Partitions, and that heartbeats notice them: in time, and nothing but them. */
import { hostOf } from "../../src/fabric/sim/network.ts";
import type { ClientPath } from "../../src/rtrs/client/path.ts";
import { clientName } from "./client_node.ts";
import type { World } from "./world.ts";
import { expect } from "./world_parts.ts";

/** Ticks from the last sign of life until a heartbeat gives up, at most. */
const HEARTBEAT_TICKS_MAX = 7;

/**
 * Nothing gets through for a while; both ends must notice, if it lasts.
 * @param from host or address of client `index`; `to` the server's
 */
export function silence(
  world: World,
  index: number,
  from: string,
  to: string,
  durationMs: number,
): void {
  const { network, scheduler, log } = world.parts;
  log(`fault: nothing between ${from} and ${to} for ${durationMs.toFixed(0)} ms`);
  network.partition(from, to, durationMs);
  const { server } = world;
  const { intervalMs } = world.shape.clients[index]!.settings.heartbeat;
  const noticedMs = HEARTBEAT_TICKS_MAX * intervalMs + 100;
  scheduler.after(noticedMs, () => {
    if (network.silentMs(from, to) < noticedMs - 1) return;
    const isSilent = (address: string) => address === from || hostOf(address) === from;
    const isConnected = world.clients[index]?.session.paths.some(({ state, target }) =>
      state === "CONNECTED" && isSilent(target.source!)
    );
    expect(!isConnected, () => `${from} has not noticed ${noticedMs} ms of silence`);
    const isServed = server === world.server && server?.connectedPeers.some(isSilent);
    expect(!isServed, () => `the server has not noticed ${noticedMs} ms of silence of ${from}`);
  });
}

/** A client gave a path up: if it did so because nothing was heard, nothing was. */
export function checkPatience(
  world: World,
  index: number,
  { target, lastFailure }: ClientPath,
): void {
  if (lastFailure?.reason.startsWith("no sign of life") !== true) return;
  const { intervalMs, missedMax } = world.shape.clients[index]!.settings.heartbeat;
  const heardAt = world.clients[index]!.process.heardFrom.get(target.destination)!;
  const silentMs = world.parts.scheduler.now() - heardAt;
  expect(
    silentMs >= intervalMs * (missedMax + 1),
    () => `${clientName(index)} took the server for silent after ${silentMs} ms`,
  );
}
