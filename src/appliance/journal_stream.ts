/** Whether the journal of systemd reads what this process writes. */
import { fstatSync } from "node:fs";

const STANDARD_ERROR = 2;

/**
 * systemd names the device and inode of the stream that it connected with the journal in
 * JOURNAL_STREAM (systemd.exec(5)); standard error may have gone elsewhere since.
 */
export function isJournalStream(
  journalStream: string | undefined,
  descriptor: number = STANDARD_ERROR,
): boolean {
  if (journalStream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return journalStream === `${dev}:${ino}`;
  } catch {
    // It is closed: nobody reads what is written.
    return false;
  }
}
