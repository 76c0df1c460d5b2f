/**
 * The data path under load: what it leaves on the heap of V8. A collection would hide it, so the
 * heap is looked at before and after some thousand I/Os: there are none in between.
 *
 * Code that V8 has not compiled yet puts every number that is not a small integer on the heap, and
 * an emulated processor would take minutes to get it compiled. Flags make V8 do so at once.
 */
import assert from "node:assert/strict";
import { sleep } from "../../support/process.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { fio } from "../guest/fio.ts";
import { type HeapStretch, isClean, leftPerIo } from "../guest/heap_stretch.ts";
import type { Combination, MappedDevice, PeerProcess } from "../guest/peers.ts";

/** Everything is compiled, and on the spot, after it has run some ten times. */
const COMPILED_AT_ONCE = [
  "--no-concurrent-recompilation",
  "--no-lazy-feedback-allocation",
  "--invocation-count-for-maglev=10",
  "--invocation-count-for-turbofan=60",
  "--minimum-invocations-after-ic-update=10",
  "--invocation-count-for-osr=10",
  "--invocation-count-for-maglev-osr=5",
].join(",");

const IOS = 4096;
const STRETCHES_MAX = 40;
/** In a row, so that code which is compiled once more is not mistaken for the end of it. */
const CLEAN_STRETCHES = 3;
const LOOK_MS = 100;
const TIMEOUT_MS = 900_000;

/** Programs of ours, by role. */
type Programs = Readonly<Record<string, PeerProcess>>;

/** Starts both sides and maps a disk. */
async function start(
  context: CaseContext,
): Promise<{ readonly device: MappedDevice; readonly programs: Programs }> {
  const options = { reactors: 1, spinUs: 0, v8Flags: COMPILED_AT_ONCE };
  const serving = await context.server(options);
  const mapping = await context.client(options);
  const programs: Record<string, PeerProcess> = {};
  if (mapping.process !== undefined) programs["client"] = mapping.process;
  if (serving.process !== undefined) programs["server"] = serving.process;
  return {
    device: await mapping.map({ sessname: context.sessname, devicePath: "ram0" }),
    programs,
  };
}

/**
 * What the heap holds now. A thread looks at it when main asks, and main does not wait for that;
 * each look takes some hundred bytes, so that another value is a later one.
 */
async function heapBytes(process: PeerProcess): Promise<number> {
  const look = async () => (await process.counters())["heap_bytes"]!;
  const before = await look();
  for (;;) {
    await sleep(LOOK_MS);
    const now = await look();
    if (now !== before) return now;
  }
}

const heaps = (programs: Programs) => Promise.all(Object.values(programs).map(heapBytes));

/** One stretch of reads and writes, as seen by each program. */
async function runStretch(path: string, programs: Programs): Promise<HeapStretch[]> {
  const before = await heaps(programs);
  const { error, read, write } = await fio({
    filename: path,
    rw: "randrw",
    blockBytes: 4096,
    iodepth: 32,
    sizeBytes: IOS * 4096,
  });
  assert.equal(error, 0);
  const after = await heaps(programs);
  const ios = read.total_ios + write.total_ios;
  assert.equal(ios, IOS);
  return after.map((bytes, i) => ({ ios, grownBytes: bytes - before[i]! }));
}

/** Runs stretches until each program has left nothing in some of them, one after the other. */
async function leaveNothing(context: CaseContext): Promise<void> {
  const { device, programs } = await start(context);
  const roles = Object.keys(programs);
  const told = roles.map((): string[] => []);
  const cleanInRow = roles.map(() => 0);
  const isThrough = () => cleanInRow.every((count) => count >= CLEAN_STRETCHES);
  for (let n = 0; n < STRETCHES_MAX && !isThrough(); n++) {
    (await runStretch(device.path, programs)).forEach((stretch, i) => {
      told[i]!.push(leftPerIo(stretch).toFixed(2));
      cleanInRow[i] = isClean(stretch) ? cleanInRow[i]! + 1 : 0;
    });
  }
  roles.forEach((role, i) => {
    context.note(`${role}, bytes an I/O, ${IOS} I/Os each: ${told[i]!.join(" ")}`);
  });
  assert.ok(isThrough(), "something is left on a heap for each I/O");
  await device.unmap();
}

/** Cases of this file. */
export const GARBAGE_CASES: readonly GuestCase[] = [
  {
    name: "depth 32: an I/O leaves less than a byte on the heap of V8",
    timeoutMs: TIMEOUT_MS,
    // A carrier without RDMA is tried with millions of I/Os (tests/clients/heap_test.ts).
    appliesTo: ({ client, server, carrier }: Combination) =>
      carrier === "ip" && (client === "ours" || server === "ours"),
    // Both programs are started anew, and compile all they run.
    isLong: () => true,
    run: leaveNothing,
  },
];
