/** `systemctl reload` on a good and on a bad config. */
import assert from "node:assert/strict";
import type { SystemCase } from "../case.ts";
import { CONFIG_FILE, MOUNT_POINT, type Stand } from "../stand.ts";
import { mainPid, SERVICE, showUnit } from "../unit_state.ts";

async function reloadGood(stand: Stand): Promise<void> {
  const { guest } = stand;
  const pid = await mainPid(guest);
  await stand.writeConfig(stand.config(["data", "more"]));
  await guest.sh(`systemctl reload ${SERVICE}`);
  await guest.sh("udevadm settle && test -b /dev/rnbd/more && test -b /dev/rnbd/data");
  const { StatusText, ActiveState } = await showUnit(guest, SERVICE, ["StatusText", "ActiveState"]);
  assert.equal(ActiveState, "active");
  stand.note(`status with two mappings: ${StatusText}`);
  await stand.writeConfig(stand.config(["data"]));
  await guest.sh(`systemctl reload ${SERVICE}`);
  await guest.sh("udevadm settle && ! test -e /dev/rnbd/more && test -b /dev/rnbd/data");
  assert.equal(await mainPid(guest), pid, "another process after a reload");
  await guest.sh(`grep hello ${MOUNT_POINT}/hello`);
}

async function reloadBad(stand: Stand): Promise<void> {
  const { guest } = stand;
  const pid = await mainPid(guest);
  const good = stand.config(["data"]);
  const bad = good.replace('expose = "ublk"', 'expose = "ublc"');
  const line = bad.split("\n").findIndex((text) => text.includes("ublc")) + 1;
  await stand.writeConfig(bad);
  const reload = await guest.try(`systemctl reload ${SERVICE}`);
  assert.notEqual(reload.code, 0, "systemctl reload takes a bad config for good");
  const journal = await guest.sh(`journalctl --no-pager -o cat -b -u ${SERVICE} -n 40`);
  const place = new RegExp(`${CONFIG_FILE}:${line}:\\d+: .*expose`);
  assert.match(journal, place, "the journal does not say where the error is");
  stand.note(`reload refused: ${journal.split("\n").find((text) => place.test(text))}`);
  const unit = await showUnit(guest, SERVICE, ["ActiveState", "StatusText"]);
  assert.equal(unit["ActiveState"], "active", "a bad config stops the service");
  stand.note(`status after it: ${unit["StatusText"]}`);
  assert.equal(await mainPid(guest), pid);
  await guest.sh(`echo still > ${MOUNT_POINT}/still && sync -f ${MOUNT_POINT}`);
  await stand.writeConfig(good);
  await guest.sh(`systemctl reload ${SERVICE}`);
}

export const RELOAD_CASES: readonly SystemCase[] = [
  { name: "systemctl reload takes over a good config", run: reloadGood },
  { name: "systemctl reload refuses a bad config and says where", run: reloadBad },
];
