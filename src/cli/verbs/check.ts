/** `check` */
import { loadConfig } from "../../appliance/config/load_config.ts";
import { configWarnings } from "../../appliance/config/warnings.ts";
import { checkLive } from "../check_live.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";

/** Checks a config file and its drop-ins; `main` prints their errors. */
export const check: VerbRunner = (args, context) => {
  const { terminal } = context;
  const file = args.text("config")!;
  const config = loadConfig(file);
  for (const warning of configWarnings(config)) terminal.complain(`${file}: warning: ${warning}`);
  if (args.flag("live")) return checkLive(config.files, args, context);
  for (const read of config.files) terminal.print(`${read}: ok`);
  return EXIT.OK;
};
