/** What a case is. The cases run one after the other on one machine, in the order of the table. */
import type { Stand } from "./stand.ts";

/** See the head of this file. */
export interface SystemCase {
  readonly name: string;
  /** Later cases build on it: it runs whatever the filter, and they fail if it does. */
  readonly isFoundation?: boolean;
  /** @throws when something is wrong */
  run(stand: Stand): Promise<void>;
}
