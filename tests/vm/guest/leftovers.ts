/** Devices that cases make and that must be gone when they end. */
import { blockDevices } from "./media.ts";

const MADE_BY_CASES = /^(rnbd|ublkb)\d+$/;

/** Names of mapped devices that are still there. */
export const leftDevices = (): string[] =>
  blockDevices().filter((name) => MADE_BY_CASES.test(name));
