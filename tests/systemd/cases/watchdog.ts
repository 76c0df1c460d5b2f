/** The watchdog of systemd notices a process that does nothing any more. */
import assert from "node:assert/strict";
import { waitFor } from "../../support/process.ts";
import type { SystemCase } from "../case.ts";
import { checkLog } from "../guest_log.ts";
import { checkReplayedLoad, startLoad, stopLoad, writersRun } from "../load.ts";
import { MOUNT_POINT, type Stand } from "../stand.ts";
import { mainPid, SERVICE, showUnit } from "../unit_state.ts";

/** Over the package's WatchdogSec of 30 s: killing, RestartSec, starting in an emulated machine. */
const BACK_TIMEOUT_MS = 90_000;

async function stopProcess(stand: Stand): Promise<void> {
  const { guest } = stand;
  const before = Number((await showUnit(guest, SERVICE, ["NRestarts"]))["NRestarts"]);
  const pid = await mainPid(guest);
  const load = await startLoad(guest, stand.folder, MOUNT_POINT);
  const stopped = performance.now();
  await guest.sh(`kill -STOP ${pid}`);
  await waitFor(
    async () => {
      const unit = await showUnit(guest, SERVICE, ["NRestarts", "ActiveState"]);
      return Number(unit["NRestarts"]) > before && unit["ActiveState"] === "active";
    },
    BACK_TIMEOUT_MS,
    "systemd to restart the service",
  );
  const seconds = (performance.now() - stopped) / 1000;
  stand.note(`stopped process: the service is back after ${seconds.toFixed(1)} s`);
  assert.notEqual(await mainPid(guest), pid);
  // The requests that waited are answered, and nobody has seen an error.
  await guest.sh(`echo after > ${MOUNT_POINT}/after && sync -f ${MOUNT_POINT}`);
  assert.ok(await writersRun(guest), "a writer ended");
  await stopLoad(guest);
  await guest.sh(`sync -f ${MOUNT_POINT}`);
  const acknowledged = await checkReplayedLoad(load, stand.disk("data"));
  stand.note(`all ${acknowledged} synced records are there`);
  await checkLog(guest, 0);
}

export const WATCHDOG_CASES: readonly SystemCase[] = [
  { name: "the watchdog restarts a stopped process; the file system goes on", run: stopProcess },
];
