/** `run` */
import { loadConfig } from "../../appliance/config/load_config.ts";
import { configWarnings } from "../../appliance/config/warnings.ts";
import { log, LOG_LEVELS } from "../../appliance/log.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { ReloadSignal, startProgram, StopSignals } from "../program.ts";

/** Runs the appliance until a signal. */
export const run: VerbRunner = async (args, context) => {
  const level = args.choice("log-level", LOG_LEVELS);
  if (level !== undefined) log.level = level;
  const config = loadConfig(args.text("config")!);
  for (const warning of configWarnings(config)) log.warn("config", { warning });
  using signals = new StopSignals();
  using reload = new ReloadSignal();
  const program = await startProgram(config, context);
  reload.program = program;
  try {
    const stopped = signals.stopped.then(() => true);
    const isStopped = await Promise.race([program.appliance.firstTryDone, stopped]);
    if (isStopped !== true) context.terminal.print("ready");
    await signals.stopped;
    log.info("stopping");
  } finally {
    await program.stop();
  }
  return EXIT.OK;
};
