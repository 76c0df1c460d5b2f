/** What verbs get from the program around them; tests give them something else. */
import type { RunningAppliance } from "../appliance/appliance_api.ts";
import type { Config } from "../appliance/config/config.ts";
import type { Machine } from "../appliance/doctor/machine.ts";
import type { VerbArguments } from "./arguments.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** The surroundings of a verb. */
export interface Context {
  readonly terminal: Terminal;
  /** Starts an appliance in this process. */
  startAppliance(config: Config): Promise<RunningAppliance>;
  /** What the doctor examines. */
  machine(): Promise<Machine>;
}

/** A verb's code. @returns the exit code */
export type VerbRunner = (args: VerbArguments, context: Context) => Promise<number> | number;

/** The surroundings of the real program. */
export const processContext: Context = {
  terminal: processTerminal,
  async startAppliance(config) {
    // Loaded only here: the other verbs need no native libraries.
    const { startAppliance } = await import("../appliance/appliance.ts");
    return await startAppliance(config);
  },
  async machine() {
    const { thisMachine } = await import("../appliance/doctor/this_machine.ts");
    return thisMachine;
  },
};
