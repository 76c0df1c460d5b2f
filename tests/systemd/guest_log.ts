/** What kernel and systemd in the guest logged, and whether that is acceptable. */
import { findAlarms } from "../vm/guest/kernel_log.ts";
import type { SystemGuest } from "./machine/system_guest.ts";

/** What nobody may see whose file system is on a mapped device. */
const FILE_SYSTEM_ALARMS = [
  /I\/O error/,
  /EXT4-fs.*(error|warning)/,
  /Aborting journal/,
  /lost (async|sync) page write/i,
  /Failed unmounting/,
  /Kernel panic/,
  /Timed out (stopping|waiting)|timed out\. (Killing|Terminating)/,
];

/** Lines of a console or a log that make a case fail. */
export function alarmsIn(text: string): string[] {
  const lines = text.split("\n");
  const others = lines.filter((line) => FILE_SYSTEM_ALARMS.some((alarm) => alarm.test(line)));
  return [...new Set([...findAlarms(lines), ...others])];
}

/**
 * @param boot `0`: this boot, `-1`: the one before
 * @throws when the kernel, or systemd about its units, logged what must not be
 */
export async function checkLog(guest: SystemGuest, boot: 0 | -1): Promise<void> {
  const text = await guest.sh(`journalctl --no-pager -o cat -b ${boot} _TRANSPORT=kernel + _PID=1`);
  const alarms = alarmsIn(text);
  if (alarms.length > 0) throw new Error(`In the log of the guest:\n${alarms.join("\n")}`);
}
