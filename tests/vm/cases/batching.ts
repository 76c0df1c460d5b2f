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
const ROUNDS_MAX = 8;
const TRIES_MAX = 3;
const TIMEOUT_MS = 300_000;

type Counts = Readonly<Record<string, number>>;

/** The counts of now: a gauge that main asks for is in the answer to the next question. */
async function countsOf(context: CaseContext, process: PeerProcess): Promise<Counts> {
  await patientCounters(context, process);
  await sleep(200);
  return await patientCounters(context, process);
}

/** A guest on a busy machine may refuse a question; the report says so. */
async function patientCounters(context: CaseContext, process: PeerProcess): Promise<Counts> {
  for (let tries = 1;; tries++) {
    try {
      return await process.counters();
    } catch (error) {
      if (tries === TRIES_MAX) throw error;
      context.note(`asking for the status failed: ${error}`);
      await sleep(1000);
    }
  }
}

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

/** @param idleBytes growth of the heap in as long a time without I/O */
function judge(role: string, ios: number, idleBytes: number, before: Counts, after: Counts) {
  assert.ok(ios > 500, `only ${ios} reads: too few to tell`);
  const perIo = (name: string) => ((after[name] ?? 0) - (before[name] ?? 0)) / ios;
  for (const name of CALLS) {
    assert.ok(perIo(name) <= CALLS_PER_IO_MAX, `${role}: ${perIo(name)} ${name} an I/O`);
  }
  const heapBytes = perIo("heap_bytes") - idleBytes / ios;
  const calls = CALLS.map((name) => `${name} ${perIo(name).toFixed(3)}`).join(", ");
  return {
    text: `${role}, ${ios} reads: ${calls}, heap ${heapBytes.toFixed(2)} bytes an I/O`,
    // Much less than before: there was a garbage collection, which tells nothing.
    isGrowing: Math.abs(heapBytes) > HEAP_BYTES_PER_IO_MAX,
  };
}

async function batches(context: CaseContext): Promise<void> {
  const server = await context.server({ reactors: 1, spinUs: 0 });
  const client = await context.client({ reactors: 1, spinUs: 0 });
  const device = await context.map("ram0");
  const ours = Object.entries({ client: client.process, server: server.process })
    .flatMap(([role, process]) => process === undefined ? [] : [{ role, process }]);
  const counts = () => Promise.all(ours.map(({ process }) => countsOf(context, process)));
  const start = await counts();
  await sleep(RUNTIME_SECONDS * 1000);
  let before = await counts();
  const idleBytes = ours.map((_, i) => before[i]!.heap_bytes! - start[i]!.heap_bytes!);
  // V8 compiles while it runs, which takes memory too: that ends, what an I/O allocates does not.
  let grown = "nothing was measured";
  for (let round = 0; round < ROUNDS_MAX && grown !== ""; round++) {
    const ios = await load(device.path);
    const after = await counts();
    const results = ours.map(({ role }, i) =>
      judge(role, ios, idleBytes[i]!, before[i]!, after[i]!)
    );
    results.forEach(({ text }) => context.note(text));
    grown = results.flatMap((result) => result.isGrowing ? [result.text] : []).join("; ");
    before = after;
  }
  assert.equal(grown, "", "the heap grows with every I/O");
  await device.unmap();
}

/** Cases of this file. */
export const BATCHING_CASES: readonly GuestCase[] = [
  {
    name: "depth 32: at most 0.3 enters, posts and polls an I/O, and nothing allocated",
    timeoutMs: TIMEOUT_MS,
    appliesTo: ({ client, server }: Combination) => client === "ours" || server === "ours",
    run: batches,
  },
];
