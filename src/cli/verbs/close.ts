/** `close` */
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { hinted } from "../live_names.ts";
import { printable } from "../output/printable.ts";
import { printer, recordSet } from "../output/result.ts";

/** Takes a device away from the clients that have it open. */
export const close: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const device = args.positional(0);
  const sessname = args.positional(1);
  const request = {
    device,
    force: args.flag("force"),
    ...(sessname === "" ? {} : { sessname }),
  };
  const client = await connect(args);
  const targets = args.verb.targets!;
  const result = await hinted(client, device, targets, () => client.closeExport(request));
  const columns = ["sessname", "mapping_path"];
  print({
    data: result,
    root: "rnbd",
    sets: [recordSet("closed", "CLOSED", columns, result.closed.map((one) => ({ ...one })))],
    lines: () =>
      result.closed.map((one) =>
        `${printable(one.mapping_path)}: taken away from ${printable(one.sessname)}`
      ),
  });
  return EXIT.OK;
};
