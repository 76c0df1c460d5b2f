/**
 * Hostile NBD clients in process: bent negotiations, and bent request streams in pieces of any
 * size, with a ring and a disk made of plain memory. Nothing may throw, nobody may be answered
 * wrongly, and no byte outside what belongs to the connection may change.
 */
import { NBD_COUNTERS } from "../../src/nbd/counters.ts";
import { CONNECTION_MEMORY } from "../../src/nbd/connection_memory.ts";
import { NbdConnection } from "../../src/nbd/connection.ts";
import { type NbdExport, transmissionFlags } from "../../src/nbd/export_description.ts";
import { Negotiation } from "../../src/nbd/negotiation.ts";
import { COMMAND, OPTION } from "../../src/nbd/protocol.ts";
import type { NbdTicket } from "../../src/nbd/ticket.ts";
import type { BlockQueue } from "../../src/rnbd/block_queue.ts";
import { ArenaAllocator, plainArena } from "../../src/ring/arena.ts";
import { CounterBlock } from "../../src/ring/counters.ts";
import { FakeDisk, fakeDiskOptions } from "../nbd/harness/fake_disk.ts";
import { FakeExecutor } from "../nbd/harness/fake_executor.ts";
import { encodeOption, encodeRequest, infoRequest } from "../nbd/harness/raw_client.ts";
import { Random } from "../support/random.ts";

const KIB = 2 ** 10;
const DISK_BYTES = 256 * KIB;
const GUARD = 0xa5;
const GUARD_BYTES = 4096;
const PERMITS = 6;
const OPTIONS = Object.values(OPTION);
const COMMANDS = Object.values(COMMAND);

const options = fakeDiskOptions({
  sizeBytes: DISK_BYTES,
  maxIoBytes: 8 * KIB,
  maxDiscardBytes: 64 * KIB,
  maxWriteZeroesBytes: 32 * KIB,
}, { permits: PERMITS, reorderSeed: 1 });

const subject: NbdExport = {
  name: "disk",
  description: "a disk to be attacked",
  geometry: () => options.geometry,
};

/** Half of the inputs go to the negotiation, half to the transmission phase. */
export function run(inputs: number, seed: number): void {
  const random = new Random(seed);
  const bench = new Bench();
  for (let i = 0; i < inputs; i++) {
    if (i % 2 === 0) attackNegotiation(random);
    else bench.attack(random);
  }
}

/** The same against a queue that hands out one buffer that is not its own. */
export function planted(inputs: number, seed: number): void {
  const random = new Random(seed);
  const bench = new Bench(GUARD_BYTES / 2);
  for (let i = 0; i < inputs; i++) bench.attack(random);
}

function attackNegotiation(random: Random): void {
  const negotiation = new Negotiation(subject);
  let input = negotiationInput(random);
  for (let steps = 0; negotiation.outcome === null; steps++) {
    const wanted = negotiation.wantedBytes;
    if (wanted < 1 || wanted > 8192) throw new Error(`Negotiation wants ${wanted} bytes`);
    if (input.length < wanted) return;
    const output = negotiation.receive(input.subarray(0, wanted));
    if (output.length > 4096) throw new Error(`Negotiation answers ${output.length} bytes`);
    if (steps > 500) throw new Error("Negotiation does not come to an end");
    input = input.subarray(wanted);
  }
}

function negotiationInput(random: Random): Uint8Array {
  const parts = [new Uint8Array([0, 0, 0, random.below(8) === 0 ? random.u32() : random.below(4)])];
  for (let count = random.below(6); count > 0; count--) {
    const names = ["", "disk", "disc", "x".repeat(random.below(300))];
    const types = Array.from({ length: random.below(5) }, () => random.below(6));
    const data = random.chance(0.6)
      ? infoRequest(random.pick(names), types)
      : random.fill(new Uint8Array(random.below(40)));
    const number = random.chance(0.9) ? random.pick(OPTIONS) : random.u32();
    const option = encodeOption(number, random.chance(0.5) ? data : new Uint8Array(0));
    parts.push(random.chance(0.3) ? random.mutate(option) as Uint8Array<ArrayBuffer> : option);
  }
  return concat(parts);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** One arena, laid out with guards between everything, used for all inputs. */
class Bench {
  private readonly arena = plainArena(CONNECTION_MEMORY.BYTES + 2 ** 20);
  private readonly allocator = new ArenaAllocator(this.arena);
  private readonly guards: number[] = [];
  private readonly memory: number;
  private readonly counters: CounterBlock<(typeof NBD_COUNTERS)[number]>;
  private readonly diskMemory;

  /** @param bufferShift how far the buffers of the disk lie from where they should */
  constructor(private readonly bufferShift = 0) {
    const take = (bytes: number) => {
      const at = this.allocator.allocate(bytes, "fuzz");
      this.guards.push(this.allocator.allocate(GUARD_BYTES, "guard"));
      return at;
    };
    this.guards.push(this.allocator.allocate(GUARD_BYTES, "guard"));
    this.memory = take(CONNECTION_MEMORY.BYTES);
    this.counters = new CounterBlock(
      this.arena,
      take(CounterBlock.bytes(NBD_COUNTERS)),
      NBD_COUNTERS,
    );
    this.diskMemory = {
      content: take(DISK_BYTES),
      buffers: take(PERMITS * 8 * KIB),
      log: take(64 * KIB),
      timespec: take(16),
    };
    for (const guard of this.guards) this.arena.u8.fill(GUARD, guard, guard + GUARD_BYTES);
  }

  /** Serves one hostile client from its first byte to its last. */
  attack(random: Random): void {
    const executor = new FakeExecutor(this.arena, random);
    const disk = this.makeDisk(executor, random.chance(0.5) ? 0 : 1);
    let closed = 0;
    const structured = random.chance(0.5);
    const ticket: NbdTicket = {
      id: 1,
      fd: 9,
      exportName: "disk",
      structured,
      transmissionFlags: transmissionFlags(options.geometry, structured),
      memory: this.memory,
    };
    const connection = new NbdConnection(
      executor,
      disk as unknown as BlockQueue,
      ticket,
      this.counters,
      () => {
        closed++;
        if (disk.permitsOut !== 0) throw new Error("Closed with block requests at the disk");
      },
    );
    const input = requestInput(random);
    executor.settle(connectionSteps(random, input, connection, disk));
    if (closed !== 1) throw new Error(`Connection closed ${closed} times`);
    if (disk.permitsOut !== 0) throw new Error(`${disk.permitsOut} permits left behind`);
    executor.checkReplies(structured);
    this.checkGuards();
  }

  private makeDisk(executor: FakeExecutor, delayUs: number): FakeDisk {
    const { bufferShift } = this;
    const disk = new FakeDisk(executor, { ...options, delayUs }, this.diskMemory);
    if (bufferShift === 0) return disk;
    const bufferOf = disk.bufferOf.bind(disk);
    disk.bufferOf = (permit) => bufferOf(permit) + (permit === PERMITS - 1 ? bufferShift : 0);
    return disk;
  }

  private checkGuards(): void {
    const { u8, f64 } = this.arena;
    // A word at a time at both ends of each guard: overruns start there.
    for (const guard of this.guards) {
      for (let i = 0; i < 8; i++) {
        const intact = f64[guard / 8 + i] === f64[guard / 8 + 64] &&
          f64[(guard + GUARD_BYTES) / 8 - 1 - i] === f64[guard / 8 + 64];
        if (!intact || u8[guard] !== GUARD) throw new Error(`Guard at ${guard} was overwritten`);
      }
    }
  }
}

/** What happens to the connection: pieces of the input, and accidents in between. */
function* connectionSteps(
  random: Random,
  input: Uint8Array,
  connection: NbdConnection,
  disk: FakeDisk,
): Generator<Uint8Array> {
  const ends = random.below(20);
  for (let at = 0; at < input.length;) {
    const length = random.chance(0.7) ? input.length : 1 + random.below(200);
    yield input.subarray(at, at + length);
    at += length;
    if (random.below(40) === 0) disk.isOpen = !disk.isOpen;
    if (ends === 0 && random.below(4) === 0) connection.close();
    if (ends === 1 && random.below(4) === 0) connection.drain();
  }
}

function requestInput(random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let count = 1 + random.below(8); count > 0; count--) {
    const request = requestBytes(random, parts.length);
    parts.push(random.chance(0.25) ? random.mutate(request) : request);
  }
  if (random.below(10) === 0) parts.push(random.fill(new Uint8Array(random.below(100))));
  return concat(parts);
}

function requestBytes(random: Random, cookie: number): Uint8Array<ArrayBuffer> {
  const command = random.chance(0.9) ? random.pick(COMMANDS) : random.below(65_536);
  const length = random.pick([512, 4096, 4096, 8192, 8704, 20_480, 65_536, random.u32()]);
  const offset = random.chance(0.8) ? random.below(DISK_BYTES / 512) * 512 : random.u32() * 2 ** 21;
  const flags = random.chance(0.7) ? 0 : random.below(32);
  if (command !== COMMAND.WRITE) return encodeRequest({ command, flags, offset, length }, cookie);
  const payload = new Uint8Array(Math.min(length, 65_536)).fill(cookie);
  return encodeRequest({ command, flags, offset, length: payload.length, payload }, cookie);
}
