/** `revalidate` */
import { roundedSize } from "../../appliance/config/units.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { hinted } from "../live_names.ts";
import { printable } from "../output/printable.ts";
import { printer, recordSet } from "../output/result.ts";

/** Looks at the sizes of open devices again. */
export const revalidate: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const device = args.positional(0);
  const client = await connect(args);
  const targets = args.verb.targets!;
  const result = await hinted(
    client,
    device,
    targets,
    () => client.revalidate(device === "" ? undefined : device),
  );
  const columns = [
    "device",
    ["size_bytes", "bytes"],
    ["earlier_size_bytes", "bytes"],
    "clients",
  ] as const;
  const records = result.devices.map((one) => ({ ...one, clients: one.clients.join(" ") }));
  print({
    data: result,
    root: "rnbd",
    sets: [recordSet("devices", "DEVICES", columns, records)],
    lines: () =>
      result.devices.length === 0
        ? ["no device is open"]
        : result.devices.map(({ device, size_bytes, earlier_size_bytes }) => {
          const size = roundedSize(size_bytes);
          return size_bytes === earlier_size_bytes
            ? `${printable(device)}: ${size}, as before`
            : `${printable(device)}: ${size}, was ${roundedSize(earlier_size_bytes)}`;
        }),
  });
  return EXIT.OK;
};
