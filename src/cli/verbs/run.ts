/** `run` */
import type { Config } from "../../appliance/config/config.ts";
import { loadConfig } from "../../appliance/config/load_config.ts";
import { configWarnings } from "../../appliance/config/warnings.ts";
import { isJournalStream } from "../../appliance/journal_stream.ts";
import { log } from "../../appliance/log.ts";
import { LOG_LEVELS } from "../../appliance/log_entry.ts";
import { LOG_FORMATS } from "../../appliance/log_format.ts";
import { ServiceManager } from "../../appliance/service_manager/service_manager.ts";
import { VERSION } from "../../appliance/version.ts";
import type { VerbArguments } from "../arguments.ts";
import type { Context, VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { failureOf } from "../failure_text.ts";
import { ReloadSignal, startProgram, StopSignals } from "../program.ts";

/** Runs the appliance until a signal. */
export const run: VerbRunner = async (args, context) => {
  chooseLog(args);
  using service = new ServiceManager();
  try {
    const config = loadConfig(args.text("config")!);
    log.configure({ level: config.node.logLevel, format: config.node.logFormat });
    log.info("starting", { version: VERSION, config: config.file, pid: Deno.pid });
    for (const reason of configWarnings(config)) log.warn("config warning", { reason });
    await serve(config, context, service);
  } catch (error) {
    service.failed(error);
    return explain(error);
  }
  log.info("stopped");
  return EXIT.OK;
};

/** What the command line says of the log goes before the config. */
function chooseLog(args: VerbArguments): void {
  const level = args.choice("log-level", LOG_LEVELS);
  const format = args.choice("log-format", LOG_FORMATS);
  log.isJournal = isJournalStream(Deno.env.get("JOURNAL_STREAM"));
  log.give({ ...level === undefined ? {} : { level }, ...format === undefined ? {} : { format } });
  log.configure({ level: "info", format: "auto" });
}

async function serve(config: Config, context: Context, service: ServiceManager): Promise<void> {
  using signals = new StopSignals();
  using reload = new ReloadSignal();
  const program = await startProgram(config, context);
  reload.program = program;
  service.follow(program.appliance);
  try {
    const stopped = signals.stopped.then(() => true);
    const isStopped = await Promise.race([program.appliance.firstTryDone, stopped]);
    if (isStopped !== true) {
      context.terminal.print("ready");
      service.ready();
      log.info("ready");
    }
    await signals.stopped;
    service.stopping();
    log.info("stopping");
  } finally {
    await program.stop();
  }
}

/** Where programs read the log, an error is a line of it; else it is said as by every verb. */
function explain(error: unknown): number {
  if (log.isForPeople) throw error;
  const { text, exitCode } = failureOf(error);
  for (const reason of text.split("\n")) log.error("failed", { reason });
  return exitCode;
}
