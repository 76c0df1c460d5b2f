/** Server-sent events (HTML standard, 9.2): from pieces of text to the data of each event. */

/** Parses one stream. */
export class EventStreamParser {
  private rest = "";
  private data: string[] = [];

  /** Takes the next piece. @returns the data of the events that are complete with it */
  push(text: string): string[] {
    // A CR may be the first half of a line end.
    const whole = this.rest + text;
    const end = whole.endsWith("\r") ? whole.length - 1 : whole.length;
    const lines = whole.slice(0, end).split(/\r\n|\r|\n/);
    this.rest = lines.pop()! + whole.slice(end);
    return lines.flatMap((line) => this.line(line));
  }

  private line(line: string): string[] {
    if (line !== "") {
      if (line.startsWith("data:")) this.data.push(line.slice(5).replace(/^ /, ""));
      return [];
    }
    const complete = this.data;
    this.data = [];
    return complete.length === 0 ? [] : [complete.join("\n")];
  }
}
