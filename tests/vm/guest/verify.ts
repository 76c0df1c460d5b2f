/** Data integrity by fio: writes with checksums, read back. */
import assert from "node:assert/strict";
import type { CaseContext } from "./case.ts";
import { fio, type FioOptions, VERIFY_CRC32C } from "./fio.ts";
import type { MappedDevice } from "./peers.ts";

const MIB = 1 << 20;

/** How much each job writes at a block size: enough to fill the queue, not more than needed. */
function verifiedBytes(blockBytes: number, full: boolean): number {
  const most = (full ? 48 : 4) * MIB;
  const blocks = full ? 2048 : 256;
  return Math.min(blocks * blockBytes, Math.floor(most / blockBytes) * blockBytes);
}

/** fio's job of two threads that write, then read back and compare. */
export const verifyJob = (
  context: CaseContext,
  device: MappedDevice,
  blockBytes: number,
  iodepth: number,
): FioOptions => ({
  filename: device.path,
  rw: "randwrite",
  blockBytes,
  iodepth,
  sizeBytes: verifiedBytes(blockBytes, context.full),
  jobs: 2,
  more: VERIFY_CRC32C,
});

/** Block size in bytes, and queue depth. */
export type LoadShape = readonly [blockBytes: number, iodepth: number];

/** fio writes with checksums and reads them back. */
export async function verifyWithFio(
  context: CaseContext,
  device: MappedDevice,
  shapes: readonly LoadShape[],
): Promise<void> {
  for (const [blockBytes, iodepth] of shapes) {
    const result = await fio(verifyJob(context, device, blockBytes, iodepth));
    assert.equal(result.error, 0, `block size ${blockBytes}, depth ${iodepth}`);
    const { read, write } = result;
    const rates = `${Math.round(write.iops)} writes/s, ${Math.round(read.iops)} reads/s`;
    context.note(`${blockBytes} bytes, depth ${iodepth}: ${rates}`);
  }
}
