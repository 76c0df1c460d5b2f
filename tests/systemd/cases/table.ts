/** All cases, in the order in which one machine goes through them. */
import type { SystemCase } from "../case.ts";
import { INSTALL_CASES } from "./install.ts";
import { ONE_NODE_CASES } from "./one_node.ts";
import { PURGE_CASES } from "./purge.ts";
import { READY_CASES } from "./ready.ts";
import { REBOOT_CASES } from "./reboot.ts";
import { RELOAD_CASES } from "./reload.ts";
import { WATCHDOG_CASES } from "./watchdog.ts";

/** Names are unique. */
export const CASES: readonly SystemCase[] = [
  ...INSTALL_CASES,
  ...RELOAD_CASES,
  ...WATCHDOG_CASES,
  ...ONE_NODE_CASES,
  ...REBOOT_CASES,
  ...READY_CASES,
  ...PURGE_CASES,
];
