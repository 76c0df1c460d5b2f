/** The end of a machine whose file system on a mapped device is being written to. */
import assert from "node:assert/strict";
import { sleep } from "../../support/process.ts";
import type { SystemCase } from "../case.ts";
import { alarmsIn, checkLog } from "../guest_log.ts";
import { checkLoad, checkReplayedLoad, type Load, startLoad, toldBy } from "../load.ts";
import { readExt4 } from "../machine/ext4_image.ts";
import type { SystemGuest } from "../machine/system_guest.ts";
import { MOUNT_POINT, type Stand } from "../stand.ts";
import { SERVICE, showUnit } from "../unit_state.ts";

const SHUTDOWN_TIMEOUT_MS = 180_000;
/** Beyond the first synced records, so that there is much that is not yet written back. */
const LOAD_MS = 2_000;
/** For the server to finish what it has got from a machine that is gone. */
const SETTLE_MS = 1_000;

/** By itself, and after the service: the one that fstab's line waits for. */
async function checkMountedAtBoot(guest: SystemGuest): Promise<void> {
  await guest.sh(`systemctl is-active ${SERVICE} && findmnt -n ${MOUNT_POINT}`);
  const time = "ActiveEnterTimestampMonotonic";
  const service = await showUnit(guest, SERVICE, [time]);
  const mount = await showUnit(guest, "mnt-data.mount", [time]);
  assert.ok(Number(mount[time]) > Number(service[time]), "mounted before the service was ready");
}

async function putUnderLoad(stand: Stand): Promise<Load> {
  const load = await startLoad(stand.guest, stand.folder, MOUNT_POINT);
  await sleep(LOAD_MS);
  return load;
}

/** One reboot under load, judged while the machine is down, and the boot after it. */
async function rebootOnce(stand: Stand): Promise<string> {
  const before = stand.guest;
  const load = await putUnderLoad(stand);
  const shutdownMs = await before.end("systemctl reboot", SHUTDOWN_TIMEOUT_MS);
  const { needsRecovery, state, problems } = await readExt4(stand.disk("data"));
  const { acknowledged, lost } = await checkLoad(await toldBy(load), stand.disk("data"));
  assert.deepEqual({ needsRecovery, state, problems }, {
    needsRecovery: false,
    state: "clean",
    problems: "",
  });
  assert.deepEqual(lost, []);
  assert.deepEqual(alarmsIn(await before.console()), []);
  const booting = performance.now();
  const after = await stand.boot();
  const bootMs = performance.now() - booting;
  await checkLog(after, -1);
  await checkMountedAtBoot(after);
  const inSeconds = (ms: number) => (ms / 1000).toFixed(1);
  return `down in ${inSeconds(shutdownMs)} s, up in ${inSeconds(bootMs)} s, ` +
    `${acknowledged} synced records there`;
}

async function reboot(stand: Stand): Promise<void> {
  for (let round = 1; round <= stand.rounds; round++) {
    stand.note(`reboot ${round} of ${stand.rounds}: ${await rebootOnce(stand)}`);
  }
}

/** The checks of the case above see what an end without order leaves. */
async function cutPower(stand: Stand): Promise<void> {
  const { guest } = stand;
  const load = await putUnderLoad(stand);
  await guest.kill();
  await sleep(SETTLE_MS);
  const { needsRecovery } = await readExt4(stand.disk("data"));
  assert.ok(needsRecovery, "nothing tells this end from an orderly one");
  const acknowledged = await checkReplayedLoad(load, stand.disk("data"));
  stand.note(`power cut: journal to be replayed, all ${acknowledged} synced records are there`);
  await checkMountedAtBoot(await stand.boot());
}

export const REBOOT_CASES: readonly SystemCase[] = [
  { name: "reboots under load leave a clean file system and lose nothing", run: reboot },
  { name: "a power cut under load is noticed, and loses nothing that was synced", run: cutPower },
];
