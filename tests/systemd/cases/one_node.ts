/** One service that serves a file of its machine and maps it there. */
import assert from "node:assert/strict";
import type { SystemCase } from "../case.ts";
import { MOUNT_POINT, type Stand } from "../stand.ts";
import { SERVICE } from "../unit_state.ts";

const IMAGE = "/srv/rnbd/local.img";
const SHUTDOWN_TIMEOUT_MS = 180_000;

const LOCAL = `
[server]
listen = ["tcp:127.0.0.1"]
port = 1235
dev_search_path = "/srv/rnbd"

[[session]]
sessname = "local"
paths = ["tcp:127.0.0.1"]
dest_port = 1235

[[mapping]]
name = "local"
sessname = "local"
device_path = "local.img"
expose = "ublk"
`;

async function serveAndMap(stand: Stand): Promise<void> {
  const { guest } = stand;
  await stand.writeConfig(stand.config(["data"]) + LOCAL);
  await guest.sh(`set -e
mkdir -p /srv/rnbd /mnt/local
truncate -s 64M ${IMAGE}
umount ${MOUNT_POINT}
systemctl restart ${SERVICE}
mkfs.ext4 -q -L local /dev/rnbd/local
mount /dev/rnbd/local /mnt/local
mount ${MOUNT_POINT}
dd if=/dev/urandom of=/mnt/local/random bs=1M count=8 status=none
sha256sum /mnt/local/random > /var/tmp/random.sha256`);
  const shutdownMs = await guest.end("systemctl reboot", SHUTDOWN_TIMEOUT_MS);
  stand.note(`server and client in one service: down in ${(shutdownMs / 1000).toFixed(1)} s`);
  const next = await stand.boot();
  const super_ = await next.sh(`dumpe2fs -h ${IMAGE} 2>/dev/null && e2fsck -fn ${IMAGE} >&2`);
  assert.match(super_, /^Filesystem state: +clean$/m);
  assert.doesNotMatch(super_, /needs_recovery/);
  await next.sh("mount /dev/rnbd/local /mnt/local && sha256sum -c /var/tmp/random.sha256");
  await next.sh("umount /mnt/local");
  await stand.writeConfig(stand.config(["data"]));
  await next.sh(`systemctl reload ${SERVICE} && rm -r /srv/rnbd`);
}

export const ONE_NODE_CASES: readonly SystemCase[] = [
  { name: "server and client in one service: clean over a reboot", run: serveAndMap },
];
