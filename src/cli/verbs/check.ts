/** `check` */
import { loadConfig } from "../../appliance/config/load_config.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";

/** Checks a config file; `main` prints its errors. */
export const check: VerbRunner = (args, { terminal }) => {
  const file = args.text("config")!;
  loadConfig(file);
  terminal.print(`${file}: ok`);
  return EXIT.OK;
};
