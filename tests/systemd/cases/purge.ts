/** What is left when the package goes. */
import assert from "node:assert/strict";
import type { SystemCase } from "../case.ts";
import { checkLog } from "../guest_log.ts";
import { readExt4 } from "../machine/ext4_image.ts";
import { newIn, recordMachine } from "../machine_record.ts";
import type { Stand } from "../stand.ts";

const PURGE_TIMEOUT_MS = 5 * 60_000;

async function purge(stand: Stand): Promise<void> {
  const { guest } = stand;
  await guest.sh(
    "apt-get purge -y rnbd-appliance 2>&1 && apt-get autoremove --purge -y 2>&1",
    PURGE_TIMEOUT_MS,
  );
  const { needsRecovery, state, problems } = await readExt4(stand.disk("data"));
  assert.deepEqual({ needsRecovery, state, problems }, {
    needsRecovery: false,
    state: "clean",
    problems: "",
  });
  await guest.sh("sed -i '\\|^/dev/rnbd/|d' /etc/fstab && systemctl daemon-reload");
  assert.deepEqual(newIn(await recordMachine(guest), stand.recordBefore), []);
  await checkLog(guest, 0);
}

export const PURGE_CASES: readonly SystemCase[] = [
  { name: "apt purge with a mounted file system ends in order and leaves nothing", run: purge },
];
