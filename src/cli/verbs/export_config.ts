/** `export-config` */
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { atClient } from "../grammar/words.ts";
import { hinted } from "../live_names.ts";
import { printableLines } from "../output/printable.ts";

/** Prints mappings made by hand as config. */
export const exportConfig: VerbRunner = async (args, { terminal }) => {
  const names = args.positionalsFrom(0);
  const client = await connect(args);
  const text = await hinted(
    client,
    names,
    atClient("device"),
    () => client.exportConfig(names),
  );
  const shown = text.replace(/\n$/, "");
  if (shown === "") terminal.complain("no mapping was made by hand");
  else terminal.print(terminal.isTerminal ? printableLines(shown) : shown);
  return EXIT.OK;
};
