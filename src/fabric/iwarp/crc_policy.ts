/** When frames carry CRCs; either side's wish decides. `auto`: unless both ends are loopback. */
export type CrcPolicy = "auto" | "on" | "off";

/** Whether this side asks for CRCs. */
export function wantsCrc(policy: CrcPolicy, loopback: boolean): boolean {
  return policy === "auto" ? !loopback : policy === "on";
}
