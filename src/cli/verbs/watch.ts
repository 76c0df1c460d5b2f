/** `watch` */
import type { Status } from "../../appliance/appliance_api.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import type { ControlClient } from "../control_client.ts";
import { EXIT } from "../exit_codes.ts";
import { followEvents } from "../follow_events.ts";
import { Interruption } from "../interruption.ts";
import { type OutputOptions, readOutput } from "../output/options.ts";
import { cutToWidth } from "../output/printable.ts";
import { sleep } from "../progress.ts";
import type { Terminal } from "../terminal.ts";
import { type Look, watchLines } from "../watch_text.ts";

const INTERVAL_MS = 1_000;
const INTERVAL_MS_MIN = 100;

/** To the start of the screen. */
const HOME = "\u001b[H";
/** Away with what is right of here, and below. */
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
/** A screen of its own, without a cursor, and back. */
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

/** A live table on a terminal; without one, events. */
export const watch: VerbRunner = async (args, { terminal }) => {
  const options = readOutput(args, terminal);
  const intervalMs = args.durationMs("interval") ?? INTERVAL_MS;
  if (intervalMs < INTERVAL_MS_MIN) {
    args.refuse(`--interval: is shorter than ${INTERVAL_MS_MIN} ms; give a longer one`);
  }
  const count = args.integer("count", 1, Number.MAX_SAFE_INTEGER);
  const client = await connect(args);
  if (terminal.isTerminal && options.format === "table") {
    return await drawRepeatedly(client, terminal, options, intervalMs, count ?? Infinity);
  }
  return await followEvents(client, terminal, options, { after: undefined, count });
};

async function drawRepeatedly(
  client: ControlClient,
  terminal: Terminal,
  options: OutputOptions,
  intervalMs: number,
  count: number,
): Promise<number> {
  using interruption = new Interruption();
  let earlier: Look | undefined;
  let isEntered = false;
  try {
    for (let looks = 0; looks < count && !interruption.signal.aborted; looks++) {
      if (looks > 0) await sleep(intervalMs, interruption.signal);
      const status: Status = await client.status();
      const look = { status, atMs: performance.now() };
      if (!isEntered) terminal.print(ENTER);
      isEntered = true;
      draw(terminal, watchLines(look, earlier, options));
      earlier = look;
    }
  } finally {
    if (isEntered) terminal.print(LEAVE);
  }
  return EXIT.OK;
}

/** As many lines as there is room for, each cut to its width. */
function draw(terminal: Terminal, lines: readonly string[]): void {
  const { columns, rows } = terminal.size();
  const room = rows - 1;
  const shown = lines.length <= room
    ? lines
    : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`];
  const cut = shown.map((line) => cutToWidth(line, columns) + CLEAR_LINE);
  terminal.print(`${HOME}${cut.join("\n")}\n${CLEAR_BELOW}`);
}
