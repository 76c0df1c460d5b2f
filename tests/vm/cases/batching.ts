/** The data path under load: how many calls an I/O takes, and that none allocates. */
import assert from "node:assert/strict";
import { sleep } from "../../support/process.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { fio } from "../guest/fio.ts";
import type { Combination, PeerProcess } from "../guest/peers.ts";

const CALLS_PER_IO_MAX = 0.3;
/** The smallest object of V8 takes 12 bytes; gauges of two moments differ by some of their own. */
const HEAP_BYTES_PER_IO_MAX = 8;
const CALLS = ["io_uring_enters", "post_send_calls", "poll_cq_calls"] as const;
const RUNTIME_SECONDS = 4;

type Counts = Readonly<Record<string, number>>;

/** The counts of now: a gauge that main asks for is in the answer to the next question. */
async function countsOf(process: PeerProcess): Promise<Counts> {
  await process.counters();
  await sleep(200);
  return await process.counters();
}

async function measure(context: CaseContext, path: string): Promise<void> {
  const server = await context.server();
  const client = await context.client();
  const ours = Object.entries({ client: client.process, server: server.process })
    .flatMap(([role, process]) => process === undefined ? [] : [{ role, process }]);
  const load = async () => {
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
  };
  // Once without counting: until then V8 compiles, which takes memory.
  await load();
  const before = await Promise.all(ours.map(({ process }) => countsOf(process)));
  const ios = await load();
  const after = await Promise.all(ours.map(({ process }) => countsOf(process)));
  ours.forEach(({ role }, i) => {
    const perIo = (name: string) => ((after[i]![name] ?? 0) - (before[i]![name] ?? 0)) / ios;
    const heapBytes = perIo("heap_bytes");
    const calls = CALLS.map((name) => `${name} ${perIo(name).toFixed(3)}`).join(", ");
    context.note(`${role}, ${ios} reads: ${calls}, heap ${heapBytes.toFixed(2)} bytes an I/O`);
    assert.ok(ios > 500, `only ${ios} reads: too few to tell`);
    for (const name of CALLS) {
      assert.ok(perIo(name) <= CALLS_PER_IO_MAX, `${role}: ${perIo(name)} ${name} an I/O`);
    }
    assert.ok(heapBytes < HEAP_BYTES_PER_IO_MAX, `${role}: ${heapBytes} bytes of heap an I/O`);
  });
}

async function batches(context: CaseContext): Promise<void> {
  await context.server({ reactors: 1, spinUs: 0 });
  await context.client({ reactors: 1, spinUs: 0 });
  const device = await context.map("ram0");
  await measure(context, device.path);
  await device.unmap();
}

/** Cases of this file. */
export const BATCHING_CASES: readonly GuestCase[] = [
  {
    name: "depth 32: at most 0.3 enters, posts and polls an I/O, and nothing allocated",
    appliesTo: ({ client, server }: Combination) => client === "ours" || server === "ours",
    run: batches,
  },
];
