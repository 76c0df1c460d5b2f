/** Several paths of a session. */
import assert from "node:assert/strict";
import { sleep, waitFor } from "../../support/process.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { startLoad } from "../guest/load.ts";
import { fill, readBack } from "../guest/media.ts";
import { RDMA_ADDRESS, RDMA_ADDRESS_2 } from "../guest/network.ts";
import type { Combination, SessionPaths } from "../guest/peers.ts";

const MIB = 1 << 20;
const PATH_TIMEOUT_MS = 60_000;
const CASE_TIMEOUT_MS = 300_000;
const LOAD_SECONDS = 20;
/** Both paths carry some of the load before one is taken away. */
const SETTLE_MS = 2_000;

const waitForPaths = (paths: SessionPaths, addresses: readonly string[]): Promise<void> =>
  waitFor(
    async () => (await paths.connected()).toSorted().join() === addresses.toSorted().join(),
    PATH_TIMEOUT_MS,
    `the paths to ${addresses.join(" and ")}`,
  );

async function failsOver(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  const paths = (await context.client()).paths(context.sessname);
  await paths.add(RDMA_ADDRESS_2);
  await waitForPaths(paths, [RDMA_ADDRESS, RDMA_ADDRESS_2]);
  const load = context.use(
    await startLoad({
      filename: device.path,
      rw: "randrw",
      blockBytes: 4096,
      iodepth: 16,
      sizeBytes: 16 * MIB,
      runtimeSeconds: LOAD_SECONDS,
    }),
  );
  await sleep(SETTLE_MS);
  await paths.disconnect(RDMA_ADDRESS);
  await waitForPaths(paths, [RDMA_ADDRESS_2]);
  await fill(device.path, 0x71, 64 * MIB, MIB);
  await paths.reconnect(RDMA_ADDRESS);
  await waitForPaths(paths, [RDMA_ADDRESS, RDMA_ADDRESS_2]);
  await paths.disconnect(RDMA_ADDRESS_2);
  await waitForPaths(paths, [RDMA_ADDRESS]);
  const seen = await readBack(device.path, 64 * MIB, MIB);
  assert.deepEqual(seen, new Uint8Array(MIB).fill(0x71));
  const { error, read, write } = await load.result();
  context.note(`${read.total_ios} reads, ${write.total_ios} writes`);
  assert.equal(error, 0, "a request failed while a path was there");
  assert.ok(read.total_ios > 100 && write.total_ios > 100, "the load did little");
  await paths.reconnect(RDMA_ADDRESS_2);
  await waitForPaths(paths, [RDMA_ADDRESS, RDMA_ADDRESS_2]);
  await device.unmap();
}

/** Cases of this file. */
export const MULTIPATH_CASES: readonly GuestCase[] = [
  {
    name: "two paths: either can go under load, and come back",
    timeoutMs: CASE_TIMEOUT_MS,
    // Over TCP the native tests have it.
    appliesTo: ({ carrier }: Combination) => carrier === "ip",
    run: failsOver,
  },
];
