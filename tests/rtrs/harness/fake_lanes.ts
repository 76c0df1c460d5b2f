/** A reactor that records what main asks of it and answers when the test says so. */
import type { DeviceControl } from "../../../src/rnbd/lane_commands.ts";
import { LaneClient, type LaneCommand } from "../../../src/rnbd/lane_commands.ts";
import type { LaneControl, LaneEvents } from "../../../src/rtrs/lane_control.ts";

/** Main's end is the real one; the reactor's end is this object. */
export class FakeReactor {
  readonly commands: LaneCommand[] = [];
  readonly control: LaneControl & DeviceControl;
  private readonly unanswered: number[] = [];
  private readonly client: LaneClient;

  /** @param answersAtOnce every command is done as soon as it was sent */
  constructor(events: LaneEvents, public answersAtOnce = true) {
    this.client = new LaneClient((command) => {
      this.commands.push(command);
      if (command.id === 0) return;
      this.unanswered.push(command.id);
      if (this.answersAtOnce) this.answer();
    }, events);
    this.control = this.client;
  }

  /** Answers what was asked, in order. */
  answer(): void {
    for (let id = this.unanswered.shift(); id !== undefined; id = this.unanswered.shift()) {
      this.client.receive({ kind: "done", id });
    }
  }

  /** Commands of a kind so far. */
  of<Kind extends LaneCommand["kind"]>(kind: Kind): Extract<LaneCommand, { kind: Kind }>[] {
    return this.commands.filter((command): command is Extract<LaneCommand, { kind: Kind }> =>
      command.kind === kind
    );
  }
}
