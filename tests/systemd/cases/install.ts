/** From a bare machine to the mounted disk: apt, the config, the service, fstab. */
import assert from "node:assert/strict";
import type { SystemCase } from "../case.ts";
import { recordMachine } from "../machine_record.ts";
import { SHARED_FOLDER } from "../machine/root_files.ts";
import { CONFIG_FILE, MOUNT_POINT, type Stand } from "../stand.ts";
import { SERVICE, showUnit, startService } from "../unit_state.ts";

const INSTALL_TIMEOUT_MS = 10 * 60_000;

async function install(stand: Stand): Promise<void> {
  const { guest } = stand;
  stand.recordBefore = await recordMachine(guest);
  const output = await guest.sh(
    `cd ${SHARED_FOLDER} && cp *.deb /tmp && cd /tmp && apt-get install -y ./*.deb 2>&1`,
    INSTALL_TIMEOUT_MS,
  );
  assert.doesNotMatch(output, /warning|error/i, "apt had something to say");
  const unit = await showUnit(guest, SERVICE, [
    ...["Type", "UnitFileState", "ActiveState", "CanReload"],
  ]);
  assert.deepEqual(unit, {
    Type: "notify",
    UnitFileState: "enabled",
    // Whoever has edited the config starts it.
    ActiveState: "inactive",
    CanReload: "yes",
  });
  await guest.sh(`test -f ${CONFIG_FILE}`);
  stand.note((await guest.sh("rnbd-appliance --version")).trim().replaceAll("\n", "; "));
}

async function start(stand: Stand): Promise<void> {
  const { guest } = stand;
  await stand.writeConfig(stand.config(["data"]));
  await guest.sh(`rnbd-appliance check --config ${CONFIG_FILE}`);
  const seconds = await startService(guest);
  stand.note(`ready in ${seconds.toFixed(1)} s by the clock of a guest that this machine emulates`);
  const unit = await showUnit(guest, SERVICE, [
    ...["ActiveState", "StatusText", "NRestarts", "WatchdogUSec"],
  ]);
  assert.equal(unit["ActiveState"], "active");
  assert.equal(unit["NRestarts"], "0");
  assert.notEqual(unit["WatchdogUSec"], "infinity", "no watchdog");
  assert.match(unit["StatusText"]!, /1 of 1 mapping open/);
  // By what the kernel and udev call it, and by what is on it.
  const names = ["/dev/rnbd/data", "/dev/disk/by-id/rnbd-data", "/dev/disk/by-label/data"];
  await guest.sh(["udevadm settle", ...names.map((name) => `test -b ${name}`)].join(" && "));
}

async function mount(stand: Stand): Promise<void> {
  const { guest } = stand;
  await guest.sh(`set -e
mkdir -p ${MOUNT_POINT}
echo "/dev/rnbd/data ${MOUNT_POINT} ext4 _netdev 0 2" >> /etc/fstab
systemctl daemon-reload
mount ${MOUNT_POINT}
echo hello > ${MOUNT_POINT}/hello
sync -f ${MOUNT_POINT}`);
  const found = await guest.sh(`findmnt -n -o FSTYPE,LABEL ${MOUNT_POINT}`);
  assert.match(found, /^ext4 +data$/m);
}

export const INSTALL_CASES: readonly SystemCase[] = [
  { name: "apt installs the package, enabled and not started", isFoundation: true, run: install },
  {
    name: "systemctl start returns when the mapped device is there",
    isFoundation: true,
    run: start,
  },
  {
    name: "a file system of the mapped device, by a line in fstab",
    isFoundation: true,
    run: mount,
  },
];
