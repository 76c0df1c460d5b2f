/** What the driver is told of a disk, judged by the driver's own rules (ublk_drv.c:527). */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { BlockGeometry } from "../../src/rnbd/block_queue.ts";
import { ATTRIBUTE, PARAMETER_TYPE, PARAMETERS } from "../../src/ublk/commands.ts";
import {
  decodeDeviceInfo,
  type DeviceRequest,
  encodeDeviceInfo,
} from "../../src/ublk/device_info.ts";
import { queueDepth } from "../../src/ublk/device.ts";
import {
  decodeParameters,
  encodeParameters,
  offeredIoBytes,
  parametersProblem,
} from "../../src/ublk/parameters.ts";

const GEOMETRY: BlockGeometry = {
  sizeBytes: 64 << 20,
  logicalBlockBytes: 512,
  physicalBlockBytes: 4096,
  maxIoBytes: 131_072,
  maxDiscardBytes: 0xffff_fe00,
  maxWriteZeroesBytes: 0xffff_fe00,
  discardGranularityBytes: 4096,
  discardAlignmentBytes: 0,
  secureErase: false,
  readOnly: false,
  writeCache: true,
  fua: true,
};

function encoded(changes: Partial<BlockGeometry>): DataView {
  // Filled, so that whatever is not written shows.
  const view = new DataView(new Uint8Array(PARAMETERS.BYTES).fill(0xee).buffer);
  encodeParameters(view, 0, { ...GEOMETRY, ...changes });
  return view;
}

const u32 = (view: DataView, at: number) => view.getUint32(at, true);

Deno.test("parameters: a usual disk", () => {
  const view = encoded({});
  assert.equal(u32(view, PARAMETERS.LEN), PARAMETERS.BYTES);
  assert.equal(u32(view, PARAMETERS.TYPES), PARAMETER_TYPE.BASIC | PARAMETER_TYPE.DISCARD);
  assert.equal(u32(view, PARAMETERS.ATTRIBUTES), ATTRIBUTE.VOLATILE_CACHE | ATTRIBUTE.FUA);
  const shifts = [12, 13, 14, 15].map((at) => view.getUint8(at));
  assert.deepEqual(shifts, [9, 12, 17, 12]);
  assert.equal(u32(view, PARAMETERS.MAX_SECTORS), 256);
  assert.equal(u32(view, PARAMETERS.DEV_SECTORS), 131_072);
  assert.equal(u32(view, PARAMETERS.MAX_DISCARD_SECTORS), 0xffff_ffff >>> 9);
  assert.equal(view.getUint16(PARAMETERS.MAX_DISCARD_SEGMENTS, true), 1);
  assert.equal(u32(view, PARAMETERS.DISK_MAJOR), 0, "nothing is left of what was there");
});

Deno.test("parameters: sizes beyond 2 TiB, read-only, no cache, no ranges", () => {
  const large = encoded({ sizeBytes: 2 ** 45 + 512 });
  assert.equal(u32(large, PARAMETERS.DEV_SECTORS), 1);
  assert.equal(u32(large, PARAMETERS.DEV_SECTORS + 4), 16);
  assert.equal(decodeParameters(large, 0).sizeBytes, 2 ** 45 + 512);
  const readOnly = encoded({ readOnly: true, writeCache: false, fua: false });
  assert.equal(u32(readOnly, PARAMETERS.ATTRIBUTES), ATTRIBUTE.READ_ONLY);
  assert.equal(u32(readOnly, PARAMETERS.TYPES), PARAMETER_TYPE.BASIC);
  const plain = encoded({ maxDiscardBytes: 0, maxWriteZeroesBytes: 0 });
  assert.equal(u32(plain, PARAMETERS.TYPES), PARAMETER_TYPE.BASIC);
});

Deno.test("parameters: a kernel server's 124 KiB are whole pages, the hint a power of two", () => {
  const view = encoded({ maxIoBytes: 124 << 10 });
  assert.equal(u32(view, PARAMETERS.MAX_SECTORS), 248);
  assert.equal(view.getUint8(PARAMETERS.IO_OPT_SHIFT), 16);
  assert.equal(offeredIoBytes({ ...GEOMETRY, maxIoBytes: 10_240 }), 8192);
});

/** What ublk_validate_params asks for. */
function driverRefuses(view: DataView, maxIoBytes: number): string | undefined {
  const logical = view.getUint8(PARAMETERS.LOGICAL_SHIFT);
  if (logical > 12 || logical < 9) return "logical";
  if (logical > view.getUint8(PARAMETERS.PHYSICAL_SHIFT)) return "physical";
  const sectors = u32(view, PARAMETERS.MAX_SECTORS);
  if (sectors > maxIoBytes >> 9 || sectors < 8) return "max_sectors";
  if ((u32(view, PARAMETERS.TYPES) & PARAMETER_TYPE.DISCARD) === 0) return undefined;
  const segments = view.getUint16(PARAMETERS.MAX_DISCARD_SEGMENTS, true);
  if (u32(view, PARAMETERS.MAX_DISCARD_SECTORS) > 0 && segments !== 1) return "segments";
  if (u32(view, PARAMETERS.DISCARD_GRANULARITY) === 0) return "granularity";
  return undefined;
}

Deno.test("parameters: whatever a server says, the driver takes it or we say why not", () => {
  const bytes = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
  const geometry = fc.record({
    sizeBytes: fc.integer({ min: 0, max: 2 ** 40 }).map((sectors) => sectors * 512),
    logicalBlockBytes: fc.constantFrom(0, 512, 520, 1024, 4096, 8192),
    physicalBlockBytes: fc.constantFrom(0, 512, 4096, 65_535, 2 ** 20),
    maxIoBytes: fc.constantFrom(512, 4096, 12_288, 126_976, 131_072, 2 ** 20, 2 ** 26),
    maxDiscardBytes: bytes,
    maxWriteZeroesBytes: bytes,
    discardGranularityBytes: fc.constantFrom(0, 512, 4096, 2 ** 20),
    discardAlignmentBytes: fc.constantFrom(0, 4096),
    secureErase: fc.boolean(),
    readOnly: fc.boolean(),
    writeCache: fc.boolean(),
    fua: fc.boolean(),
  });
  let taken = 0;
  fc.assert(fc.property(geometry, (disk) => {
    if (parametersProblem(disk) !== undefined) return;
    taken++;
    const view = encoded(disk);
    assert.equal(driverRefuses(view, offeredIoBytes(disk)), undefined);
    assert.equal(decodeParameters(view, 0).sizeBytes, disk.sizeBytes);
    assert.equal(decodeParameters(view, 0).logicalBlockBytes, disk.logicalBlockBytes);
  }));
  assert.ok(taken > 10);
  const planted = encoded({});
  planted.setUint16(PARAMETERS.MAX_DISCARD_SEGMENTS, 0, true);
  assert.equal(driverRefuses(planted, 131_072), "segments");
});

Deno.test("parameters: what cannot be a ublk device is told with a way out", () => {
  assert.match(parametersProblem({ ...GEOMETRY, logicalBlockBytes: 8192 })!, /8192.*"nbd"/);
  assert.match(parametersProblem({ ...GEOMETRY, maxIoBytes: 2048 })!, /max_io_size/);
});

Deno.test("device info: there and back, flags with the top bit set too", () => {
  const request: DeviceRequest = {
    queues: 3,
    depth: 64,
    maxIoBytes: 126_976,
    features: 0x58,
    tag: { low: 0xdead_beef, high: 0x524e_4280 },
  };
  const view = new DataView(new Uint8Array(80).fill(0xee).buffer);
  encodeDeviceInfo(view, 8, request);
  const info = decodeDeviceInfo(view, 8);
  assert.deepEqual(info, { ...request, id: 0xffff_ffff, state: 0, serverPid: 0 });
});

Deno.test("queue depth: half of a reactor's permits, 64 at most, one at least", () => {
  assert.deepEqual([1, 2, 63, 127, 128, 510].map(queueDepth), [1, 1, 31, 63, 64, 64]);
});
