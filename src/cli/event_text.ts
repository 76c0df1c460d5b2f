/** Events as lines, in every format. */
import type { ApplianceEvent } from "../appliance/appliance_api.ts";
import type { Format } from "./grammar/spec.ts";
import { toCsv } from "./output/csv.ts";
import { toJson } from "./output/json.ts";
import type { OutputOptions } from "./output/options.ts";
import type { Tone } from "./output/paint.ts";
import { printable } from "./output/printable.ts";
import { element } from "./output/xml.ts";

const TONES: Readonly<Record<ApplianceEvent["level"], Tone | undefined>> = {
  error: "bad",
  warn: "warning",
  info: undefined,
  debug: "faint",
};

/** `key=value`, quoted where it must be; also quoted text is one line. */
function fieldText([key, value]: [string, string | number | boolean | null]): string {
  const text = String(value);
  const isPlain = /^[\w.,:;/@%+*!?()[\]{}<>#~^|-]+$/.test(text);
  return `${printable(key)}=${isPlain ? text : toJson(text, 0)}`;
}

/** What stands before the first event. */
export function eventHead(format: Format): string[] {
  if (format === "csv") return ["id,time,level,event,fields"];
  return format === "xml" ? ['<?xml version="1.0" encoding="UTF-8"?>', "<events>"] : [];
}

/** What stands after the last one. */
export function eventTail(format: Format): string[] {
  return format === "xml" ? ["</events>"] : [];
}

/** One event. */
export function eventLines(event: ApplianceEvent, options: OutputOptions): string[] {
  const { id, time, level, event: what, fields } = event;
  if (options.format === "json") return [toJson(event, 0)];
  if (options.format === "xml") return element("event", event, "  ");
  const pairs = Object.entries(fields).map(fieldText);
  if (options.format === "csv") {
    const lines = toCsv([[String(id), time, level, what, pairs.join(" ")]]);
    return options.isTerminal ? lines.map(printable) : lines;
  }
  const head = options.paint(level, TONES[level]);
  return [[printable(time), head, printable(what), ...pairs].join(" ")];
}
