/** The data path under load: how many calls an I/O takes. */
import assert from "node:assert/strict";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { fio } from "../guest/fio.ts";
import type { Combination } from "../guest/peers.ts";

const CALLS_PER_IO_MAX = 0.3;
const CALLS = ["io_uring_enters", "post_send_calls", "poll_cq_calls"] as const;
const RUNTIME_SECONDS = 4;
const TIMEOUT_MS = 300_000;

async function load(path: string): Promise<number> {
  const { error, read } = await fio({
    filename: path,
    rw: "randread",
    blockBytes: 4096,
    iodepth: 32,
    sizeBytes: 16 << 20,
    runtimeSeconds: RUNTIME_SECONDS,
  });
  assert.equal(error, 0);
  return read.total_ios;
}

async function batches(context: CaseContext): Promise<void> {
  const server = await context.server({ reactors: 1, spinUs: 0 });
  const device = await context.map("ram0");
  const client = await context.client();
  const ours = Object.entries({ client: client.process, server: server.process })
    .flatMap(([role, process]) => process === undefined ? [] : [{ role, process }]);
  const counts = () => Promise.all(ours.map(({ process }) => process.counters()));
  const before = await counts();
  const ios = await load(device.path);
  const after = await counts();
  assert.ok(ios > 500, `only ${ios} reads: too few to tell`);
  ours.forEach(({ role }, i) => {
    for (const name of CALLS) {
      const perIo = (after[i]![name]! - before[i]![name]!) / ios;
      context.note(`${role}, ${ios} reads: ${perIo.toFixed(3)} ${name} an I/O`);
      assert.ok(perIo > 0 && perIo <= CALLS_PER_IO_MAX, `${role}: ${perIo} ${name} an I/O`);
    }
  });
  await device.unmap();
}

/** Cases of this file. */
export const BATCHING_CASES: readonly GuestCase[] = [
  {
    name: "depth 32: at most 0.3 enters, posts and polls an I/O",
    timeoutMs: TIMEOUT_MS,
    // The built-in carrier posts and polls nothing.
    appliesTo: ({ client, server, carrier }: Combination) =>
      carrier === "ip" && (client === "ours" || server === "ours"),
    run: batches,
  },
];
