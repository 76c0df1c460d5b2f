/**
 * Each rule of the RNBD server's gate, by name: the client is told the errno, the reason is counted,
 * the back end and everybody else do not notice, and the next request is served.
 */
import assert from "node:assert/strict";
import type { BackendGeometry } from "../../src/rnbd/backend.ts";
import { BLOCK_OP } from "../../src/rnbd/block_queue.ts";
import { RW_FLAG } from "../../src/rnbd/codec.ts";
import { IO_REJECTIONS, type IoRejection } from "../../src/rnbd/server/io_gate.ts";
import { responseErrno } from "../../src/rtrs/immediate.ts";
import { assertGuards, guardedArena } from "../rtrs/harness/lane_rig.ts";
import { type IoRequest, IoRig } from "./harness/io_rig.ts";

const EIO = 5;
const EINVAL = 22;
const EROFS = 30;
const EOPNOTSUPP = 95;
const ENOTCONN = 107;
const DISK_BYTES = 2 ** 20;

interface Refusal {
  readonly errno: number;
  readonly rw: number;
  readonly request?: IoRequest;
  readonly geometry?: Partial<BackendGeometry>;
  readonly readOnly?: boolean;
  /** Bends the chunk after the request was written. */
  readonly bend?: (rig: IoRig) => void;
}

function refusal(name: string, reason: IoRejection, what: Refusal): void {
  Deno.test(`${name}: errno ${what.errno}, counted as ${reason}`, () => {
    const arena = guardedArena();
    const [rig, stranger] = [new IoRig(arena, 0), new IoRig(arena, 1)];
    const queue = rig.open(0, what.geometry, what.readOnly);
    const strangerQueue = stranger.open();
    const [fabric, strangerFabric] = [rig.connect(), stranger.connect()];
    strangerFabric.handler.onImmediate(stranger.put(BLOCK_OP.READ));

    const immediate = rig.put(what.rw, what.request);
    what.bend?.(rig);
    fabric.handler.onImmediate(immediate);
    const post = fabric.take();
    assert.equal(post.kind, "immediate", "an error carries no data");
    assert.equal(responseErrno(post.immediate), what.errno);
    assert.deepEqual(rig.counts(), { [reason]: 1 });
    assert.deepEqual(queue.operations, []);
    assert.deepEqual(rig.broken, []);

    fabric.handler.onImmediate(rig.put(BLOCK_OP.READ));
    queue.end(0);
    assert.equal(responseErrno(fabric.take().immediate), 0);
    strangerQueue.end(0);
    assert.equal(strangerFabric.take().firstLength, 4096);
    assert.deepEqual(stranger.counts(), {});
    assertGuards(arena);
  });
}

Deno.test("there is a test for every reason of the gate", () => {
  const source = Deno.readTextFileSync(new URL(import.meta.url));
  for (const reason of IO_REJECTIONS.slice(1)) {
    assert.match(source, new RegExp(`"${reason}", {`), reason);
  }
});

const { READ, WRITE, FLUSH, DISCARD, SECURE_ERASE, WRITE_ZEROES } = BLOCK_OP;

for (const type of [0, 2, 5, 6, 0xffff]) {
  refusal(`RNBD message type ${type} on an I/O connection`, "io_message_unknown", {
    errno: EINVAL,
    rw: WRITE,
    bend: (rig) => rig.arena.view.setUint16(rig.chunkAt(0) + 4096, type, true),
  });
}

refusal("message shorter than the shortest IO message", "io_message_short", {
  errno: EINVAL,
  rw: WRITE,
  request: { userLength: 23 },
});

for (const device of [1, 7, 0xffff_ffff]) {
  refusal(`IO to device ${device}, which is not open`, "io_device_unknown", {
    errno: ENOTCONN,
    rw: READ,
    request: { device },
  });
}

for (const operation of [6, 7, 0xff]) {
  for (const isRead of [true, false]) {
    const how = isRead ? "READ" : "WRITE";
    refusal(`operation ${operation} in an RTRS ${how}`, "io_operation_unknown", {
      errno: EINVAL,
      rw: operation,
      request: { isRead, dataLength: 4096 },
    });
  }
}

for (
  const [rw, isRead] of [[READ, false], [WRITE, true], [FLUSH, false], [DISCARD, true]] as const
) {
  const how = isRead ? "READ" : "WRITE";
  refusal(`operation ${rw} in an RTRS ${how}`, "io_direction_wrong", {
    errno: EINVAL,
    rw,
    request: { isRead, length: rw === FLUSH ? 0 : 4096 },
  });
}

refusal("READ of more than the room for data", "io_size_mismatch", {
  errno: EINVAL,
  rw: READ,
  request: { length: 8192, dataLength: 4096 },
});
refusal("READ of less than the room for data", "io_size_mismatch", {
  errno: EINVAL,
  rw: READ,
  request: { length: 512, dataLength: 4096 },
});
refusal("READ without a descriptor", "io_size_mismatch", {
  errno: EINVAL,
  rw: READ,
  request: { hasBuffer: false },
});
refusal("WRITE of more than came along", "io_size_mismatch", {
  errno: EINVAL,
  rw: WRITE,
  request: { length: 0xffff_fe00, dataLength: 512 },
});
refusal("FLUSH with a size", "io_size_mismatch", {
  errno: EINVAL,
  rw: FLUSH,
  request: { length: 512 },
});
refusal("FLUSH with room for data", "io_size_mismatch", {
  errno: EINVAL,
  rw: FLUSH,
  request: { length: 0, dataLength: 512 },
});
refusal("DISCARD with data", "io_size_mismatch", {
  errno: EINVAL,
  rw: DISCARD,
  request: { dataLength: 4096 },
});
refusal("SECURE_ERASE with data", "io_size_mismatch", {
  errno: EINVAL,
  rw: SECURE_ERASE,
  request: { dataLength: 4096, isRead: true },
});

refusal("WRITE of nothing", "io_misaligned", { errno: EINVAL, rw: WRITE, request: { length: 0 } });
refusal("READ of nothing, which has no descriptor", "io_size_mismatch", {
  errno: EINVAL,
  rw: READ,
  request: { length: 0 },
});
refusal("READ of half a sector", "io_misaligned", {
  errno: EINVAL,
  rw: READ,
  request: { length: 256 },
});
refusal("length that is no multiple of the block", "io_misaligned", {
  errno: EINVAL,
  rw: WRITE,
  request: { length: 512 },
  geometry: { logicalBlockBytes: 4096 },
});
refusal("offset that is no multiple of the block", "io_misaligned", {
  errno: EINVAL,
  rw: WRITE,
  request: { offset: 512 },
  geometry: { logicalBlockBytes: 4096 },
});

for (const rw of [READ, WRITE, DISCARD, WRITE_ZEROES, SECURE_ERASE]) {
  refusal(`operation ${rw} across the end of the disk`, "io_out_of_range", {
    errno: EIO,
    rw,
    request: { offset: DISK_BYTES - 512, length: 1024 },
  });
}
refusal("READ behind the end of the disk", "io_out_of_range", {
  errno: EIO,
  rw: READ,
  request: { offset: DISK_BYTES },
});
refusal("the largest sector there is", "io_out_of_range", {
  errno: EIO,
  rw: READ,
  bend: (rig) => {
    rig.arena.view.setUint32(rig.chunkAt(0) + 4096 + 8, 0xffff_ffff, true);
    rig.arena.view.setUint32(rig.chunkAt(0) + 4096 + 12, 0xffff_ffff, true);
  },
});
refusal("sector and size whose sum wraps at 2^32", "io_out_of_range", {
  errno: EIO,
  rw: DISCARD,
  request: { offset: 512, length: 0xffff_fe00 },
});

for (const rw of [WRITE, DISCARD, WRITE_ZEROES, SECURE_ERASE]) {
  refusal(`operation ${rw} on a read-only mapping`, "io_read_only", {
    errno: EROFS,
    rw,
    readOnly: true,
  });
  refusal(`operation ${rw} on a read-only disk`, "io_read_only", {
    errno: EROFS,
    rw,
    geometry: { readOnly: true },
  });
}

refusal("DISCARD where there is none", "io_unsupported", {
  errno: EOPNOTSUPP,
  rw: DISCARD,
  geometry: { maxDiscardSectors: 0 },
});
refusal("WRITE_ZEROES where there is none", "io_unsupported", {
  errno: EOPNOTSUPP,
  rw: WRITE_ZEROES,
  geometry: { maxWriteZeroesSectors: 0 },
});
refusal("SECURE_ERASE where there is none", "io_unsupported", {
  errno: EOPNOTSUPP,
  rw: SECURE_ERASE,
  geometry: { secureErase: false },
});
refusal("DISCARD longer than announced", "io_too_long", {
  errno: EINVAL,
  rw: DISCARD,
  request: { length: 1025 * 512 },
});
refusal("WRITE_ZEROES longer than announced", "io_too_long", {
  errno: EINVAL,
  rw: WRITE_ZEROES,
  request: { length: 257 * 512 },
});

Deno.test("IO before OPEN and after CLOSE gets ENOTCONN, under a reused id it works", () => {
  const rig = new IoRig();
  const fabric = rig.connect();
  const errno = () => {
    fabric.handler.onImmediate(rig.put(READ));
    return responseErrno(fabric.take().immediate);
  };
  assert.equal(errno(), ENOTCONN);
  rig.open().endsAtOnce = true;
  assert.equal(errno(), 0);
  rig.lane.closeDevice(0, () => {});
  assert.equal(errno(), ENOTCONN);
  rig.open().endsAtOnce = true;
  assert.equal(errno(), 0);
});

Deno.test("what is right reaches the back end as it was meant", () => {
  const rig = new IoRig();
  const queue = rig.open();
  queue.endsAtOnce = true;
  const fabric = rig.connect();
  const at = rig.chunkAt(0);
  const { FUA, SYNC, NO_UNMAP } = RW_FLAG;
  const range = { offset: 8192, length: 4096 };
  const cases: [number, IoRequest, string, number, number, number, boolean | undefined][] = [
    [READ | SYNC, range, "read", 8192, 4096, at, undefined],
    [WRITE, range, "write", 8192, 4096, at, false],
    [WRITE | FUA | SYNC, range, "write", 8192, 4096, at, true],
    [FLUSH | SYNC | FUA, { length: 0 }, "flush", 0, 0, 0, undefined],
    [DISCARD, range, "discard", 8192, 4096, 0, undefined],
    [WRITE_ZEROES, range, "writeZeroes", 8192, 4096, 0, true],
    [WRITE_ZEROES | NO_UNMAP, range, "writeZeroes", 8192, 4096, 0, false],
    [SECURE_ERASE, range, "secureErase", 8192, 4096, 0, undefined],
    [SECURE_ERASE, { ...range, isRead: true }, "secureErase", 8192, 4096, 0, undefined],
    [WRITE | 0xf000_0000, range, "write", 8192, 4096, at, false],
    [READ, { offset: DISK_BYTES - 512, length: 512 }, "read", DISK_BYTES - 512, 512, at, undefined],
    [WRITE | FUA, { length: 0 }, "flush", 0, 0, 0, undefined],
    [WRITE | RW_FLAG.PREFLUSH, { length: 0 }, "flush", 0, 0, 0, undefined],
  ];
  for (const [rw, request, kind, offset, length, place, flag] of cases) {
    fabric.handler.onImmediate(rig.put(rw, request));
    assert.deepEqual(queue.operations.at(-1), { kind, slot: 0, offset, length, at: place, flag });
    assert.equal(responseErrno(fabric.take().immediate), 0);
  }
  assert.deepEqual(rig.counts(), {});
  assertGuards(rig.arena);
});

Deno.test("FLUSH and READ are served on read-only mappings", () => {
  const rig = new IoRig();
  const queue = rig.open(0, { readOnly: true }, true);
  queue.endsAtOnce = true;
  const fabric = rig.connect();
  fabric.handler.onImmediate(rig.put(FLUSH, { length: 0 }));
  fabric.handler.onImmediate(rig.put(READ));
  assert.deepEqual(queue.operations.map(({ kind }) => kind), ["flush", "read"]);
  assert.deepEqual(rig.counts(), {});
});
