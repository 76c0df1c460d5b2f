/** Prints events as they come: `events`, and `watch` without a terminal. */
import type { ControlClient } from "./control_client.ts";
import { eventHead, eventLines, eventTail } from "./event_text.ts";
import { EXIT } from "./exit_codes.ts";
import { Interruption } from "./interruption.ts";
import type { OutputOptions } from "./output/options.ts";
import type { Terminal } from "./terminal.ts";

/** Which events. */
export interface EventRange {
  /** Also remembered ones that came after this id. */
  readonly after: number | undefined;
  /** How many; undefined: until Ctrl-C. */
  readonly count: number | undefined;
}

/** Prints events until enough came, the stream ends, or a signal comes. @returns the exit code */
export async function followEvents(
  client: ControlClient,
  terminal: Terminal,
  options: OutputOptions,
  { after, count }: EventRange,
): Promise<number> {
  using interruption = new Interruption();
  const printAll = (lines: readonly string[]) => {
    if (lines.length > 0) terminal.print(lines.join("\n"));
  };
  let left = count ?? Infinity;
  let isStarted = false;
  for await (const event of client.events(after, interruption.signal)) {
    if (!isStarted && options.hasHeaders) printAll(eventHead(options.format));
    isStarted = true;
    printAll(eventLines(event, options));
    if (--left <= 0) break;
  }
  if (isStarted) printAll(eventTail(options.format));
  // The stream of an appliance that stops ends; of one that goes on it does not.
  return left <= 0 || interruption.signal.aborted ? EXIT.OK : EXIT.UNAVAILABLE;
}
