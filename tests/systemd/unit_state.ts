/** What systemd in the guest says about a unit. */
import type { SystemGuest } from "./machine/system_guest.ts";

/** The service of the package. */
export const SERVICE = "rnbd-appliance.service";

const START_TIMEOUT_MS = 5 * 60_000;

/** Properties of a unit, by name, as `systemctl show` has them. */
export type Properties = Readonly<Record<string, string>>;

/** Reads properties of a unit. */
export async function showUnit(
  guest: SystemGuest,
  unit: string,
  names: readonly string[],
): Promise<Properties> {
  const text = await guest.sh(`systemctl show ${unit} --property=${names.join(",")}`);
  return Object.fromEntries(
    text.trimEnd().split("\n").map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

/** Process id of the service; `0` while there is none. */
export const mainPid = async (guest: SystemGuest): Promise<string> =>
  (await showUnit(guest, SERVICE, ["MainPID"]))["MainPID"]!;

/** Starts the service as an administrator does; seconds of the guest's clock until it is ready. */
export async function startService(guest: SystemGuest): Promise<number> {
  const microseconds = await guest.sh(
    `a=$(date +%s%N); systemctl start ${SERVICE} || exit; b=$(date +%s%N); echo $(((b - a) / 1000))`,
    START_TIMEOUT_MS,
  );
  return Number(microseconds) / 1e6;
}
