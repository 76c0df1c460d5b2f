/** How long it takes until the service is ready. */
import assert from "node:assert/strict";
import type { SystemCase } from "../case.ts";
import type { SystemGuest } from "../machine/system_guest.ts";
import { MOUNT_POINT, type Stand } from "../stand.ts";
import { SERVICE, showUnit, startService } from "../unit_state.ts";

const READY_SECONDS_MAX = 5;
const STARTS = 2;
const SLOW_TIMEOUT_MS = 5 * 60_000;
const END_TIMEOUT_MS = 10 * 60_000;

/** What the service logs on its way, with a word for what it has done until then. */
const STAGES = [
  ["launcher and runtime", / starting /],
  ["connected", / path connected /],
  ["block device", / block device made /],
] as const;

/** The last start, in stages, by the journal. */
async function describeStages(guest: SystemGuest): Promise<string> {
  const { InvocationID: id } = await showUnit(guest, SERVICE, ["InvocationID"]);
  const of = (property: string) => showUnit(guest, SERVICE, [property]).then((p) => p[property]);
  const beginning = Number(await of("InactiveExitTimestampMonotonic")) / 1e6;
  const journal = await guest.sh(
    `journalctl --no-pager -o short-monotonic -b _SYSTEMD_INVOCATION_ID=${id}`,
    SLOW_TIMEOUT_MS,
  );
  return STAGES.flatMap(([name, line]) => {
    const at = journal.split("\n").find((text) => line.test(text));
    const seconds = Number(/^\[ *([\d.]+)\]/.exec(at ?? "")?.[1]);
    return at === undefined ? [] : [`${name} ${(seconds - beginning).toFixed(2)} s`];
  }).join(", ");
}

/**
 * The clock counts instructions, a billion a second for both processors together, however slowly
 * this machine emulates them: a slow computer, and the same one in every run.
 */
async function measure(stand: Stand): Promise<void> {
  if (stand.hasGuest) await stand.guest.end("systemctl poweroff", END_TIMEOUT_MS);
  const guest = await stand.boot("icount");
  await guest.sh(`systemctl is-active ${SERVICE} && findmnt -n ${MOUNT_POINT}`, SLOW_TIMEOUT_MS);
  const enter = "ActiveEnterTimestampMonotonic";
  const exit = "InactiveExitTimestampMonotonic";
  const atBoot = await showUnit(guest, SERVICE, [enter, exit]);
  const bootSeconds = (Number(atBoot[enter]) - Number(atBoot[exit])) / 1e6;
  const taken = [bootSeconds];
  for (let round = 0; round < STARTS; round++) {
    await guest.sh(`umount ${MOUNT_POINT}; systemctl stop ${SERVICE}`, SLOW_TIMEOUT_MS);
    taken.push(await startService(guest));
    await guest.sh("test -b /dev/rnbd/data");
  }
  const [boot, ...starts] = taken.map((one) => one.toFixed(2));
  stand.note(`ready ${boot} s after its start at boot, and in ${starts.join(" s, ")} s by hand`);
  stand.note(`the last one: ${await describeStages(guest)}`);
  await guest.end("systemctl poweroff", END_TIMEOUT_MS);
  for (const one of taken) assert.ok(one < READY_SECONDS_MAX, `ready only after ${one} s`);
}

export const READY_CASES: readonly SystemCase[] = [
  { name: "ready in under 5 s, at boot and by systemctl start", run: measure },
];
