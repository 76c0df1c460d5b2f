/** Reads the JUnit file that `deno test --junit-path` writes. */
import type { Outcome } from "./outcome.ts";
import type { SkipRecord } from "../support/skip.ts";

const ENTITIES: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(
    /&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi,
    (whole, decimal: string, hex: string, name: string) =>
      decimal !== undefined
        ? String.fromCodePoint(Number(decimal))
        : hex !== undefined
        ? String.fromCodePoint(parseInt(hex, 16))
        : ENTITIES[name] ?? whole,
  );
}

interface Case {
  name: string;
  durationMs: number;
  failure: string | undefined;
  ignored: boolean;
}

function parseCases(xml: string): Case[] {
  const cases: Case[] = [];
  for (const [, attributes, body] of xml.matchAll(/<testcase ([^>]*)>([\s\S]*?)<\/testcase>/g)) {
    const name = /name="([^"]*)"/.exec(attributes!)?.[1] ?? "";
    const seconds = /time="([^"]*)"/.exec(attributes!)?.[1] ?? "0";
    const failure = /<failure[^>]*>([\s\S]*?)<\/failure>/.exec(body!)?.[1];
    cases.push({
      name: unescapeXml(name),
      durationMs: Number(seconds) * 1000,
      failure: failure === undefined ? undefined : unescapeXml(failure),
      ignored: /<skipped/.test(body!),
    });
  }
  return cases;
}

/** Why a test was skipped that did not say so itself. */
export const IGNORED = "marked as ignored";

/**
 * Turns the report of one file into outcomes. Steps are part of their test: only a failed one is
 * shown, in its test's detail. A test in `skips`, and one ignored outright, counts as skipped.
 */
export function readJunit(xml: string, file: string, skips: readonly SkipRecord[]): Outcome[] {
  const cases = parseCases(xml);
  const tops = cases.filter(({ name }) =>
    !cases.some((other) => name.startsWith(`${other.name} > `))
  );
  return tops.map((top): Outcome => {
    const name = `${file}: ${top.name}`;
    const durationMs = top.durationMs;
    if (top.failure !== undefined) {
      const steps = cases
        .filter((step) => step.failure !== undefined && step.name.startsWith(`${top.name} > `))
        .map((step) => `${step.name}\n${step.failure}`);
      return {
        name,
        result: "failed",
        durationMs,
        detail: [...steps, top.failure].join("\n"),
      };
    }
    const skip = skips.find((record) => record.test === top.name);
    if (skip !== undefined) {
      return { name, result: "skipped", durationMs, detail: `${skip.reason}: ${skip.remedy}` };
    }
    if (top.ignored) return { name, result: "skipped", durationMs, detail: IGNORED };
    return { name, result: "passed", durationMs };
  });
}
