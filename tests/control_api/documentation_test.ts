/** docs/control-api.md and docs/openapi.json say what the code does. */
import assert from "node:assert/strict";
import type { MapRequest } from "../../src/appliance/appliance_api.ts";
import { ApiFailure, STATUS_BY_ERRNO } from "../../src/appliance/control_api/failure.ts";
import * as limits from "../../src/appliance/control_api/limits.ts";
import { openApiText } from "../../src/appliance/control_api/openapi.ts";
import { readMapRequest } from "../../src/appliance/control_api/requests.ts";
import { type ApiDocument, apiReference } from "./api_reference.ts";

const MANUAL = new URL("../../docs/control-api.md", import.meta.url);
const DOCUMENT = new URL("../../docs/openapi.json", import.meta.url);
const MARK = "<!-- From here on made of";
const ADVICE = "run it again with SNAP_UPDATE=1, then deno fmt, and look at the difference";
const IS_UPDATE = Deno.env.get("SNAP_UPDATE") === "1";

const manual = () => Deno.readTextFileSync(MANUAL);

/** The text below a heading, up to the next one. */
function section(title: string): string {
  const text = manual();
  const start = text.search(new RegExp(`^#+ ${title}$`, "m"));
  assert.ok(start >= 0, `docs/control-api.md has no section ${title}`);
  const body = text.slice(text.indexOf("\n", start) + 1);
  const end = body.search(/^#+ /m);
  return end < 0 ? body : body.slice(0, end);
}

/** Cells of the rows below the header that starts with `first`. */
function table(title: string, first: string): string[][] {
  const lines = section(title).split("\n");
  const header = lines.findIndex((line) => line.startsWith(`| ${first} `));
  assert.ok(header >= 0, `${title} has no table that starts with ${first}`);
  const rows = lines.slice(header + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end < 0 ? rows.length : end)
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

const quoted = (cell: string): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

Deno.test("docs/openapi.json is what the program serves", () => {
  if (IS_UPDATE) Deno.writeTextFileSync(DOCUMENT, openApiText());
  const written = JSON.parse(Deno.readTextFileSync(DOCUMENT));
  assert.deepEqual(written, JSON.parse(openApiText()), ADVICE);
});

Deno.test("docs/control-api.md has the reference that the code makes", () => {
  const text = manual();
  const start = text.indexOf("\n", text.indexOf(MARK)) + 2;
  const reference = apiReference(JSON.parse(openApiText()) as ApiDocument);
  const expected = text.slice(0, start) + reference;
  if (IS_UPDATE) Deno.writeTextFileSync(MANUAL, expected);
  // The formatter breaks lines and pads tables.
  const plain = (markdown: string) =>
    markdown.replaceAll(/-{3,}/g, "---").replaceAll(/\s+/g, " ").trim();
  assert.ok(IS_UPDATE || plain(text) === plain(expected), ADVICE);
});

Deno.test("the example of a mapping in docs/control-api.md is right and has every field", () => {
  const example = JSON.parse(/```json\n([^]*?)```/.exec(section("Mapping a device"))![1]!);
  assert.deepEqual(readMapRequest(example, "/run"), example);
  const every: Record<keyof MapRequest, true> = {
    name: true,
    sessname: true,
    device_path: true,
    access_mode: true,
    expose: true,
    paths: true,
    dest_port: true,
  };
  assert.deepEqual(Object.keys(example).sort(), Object.keys(every).sort());
});

Deno.test("docs/control-api.md has the errors of the code", async () => {
  const example = JSON.parse(/```json\n([^]*?)```/.exec(section("Errors"))![1]!);
  const real = await ApiFailure.bad("x").response().json();
  assert.deepEqual(Object.keys(example.error).sort(), Object.keys(real.error).sort());
  // These come from HTTP and from the config files, not from an errno.
  const rows = table("Errors", "HTTP status").filter(([status]) =>
    !/^4(05|13|15|22)$/.test(status!)
  );
  const documented = rows.flatMap(([status, errnos]) =>
    quoted(errnos!).map((errno) => [errno, Number(status)])
  );
  assert.deepEqual(Object.fromEntries(documented), STATUS_BY_ERRNO);
});

Deno.test("docs/control-api.md has the limits of the code", () => {
  const said = [
    `At most ${limits.REQUESTS_MAX} requests`,
    `${limits.EVENT_READERS_MAX} event streams`,
    `${limits.CONNECTIONS_MAX} connections`,
    `not come in after ${limits.REQUEST_TIMEOUT_MS / 1000} s`,
    `takes for ${limits.WRITE_TIMEOUT_MS / 1000} s`,
    `After ${limits.KEEP_ALIVE_MS / 1000} s of silence`,
    `whom ${limits.EVENTS_WAITING_MAX} events wait`,
    `at most ${limits.BODY_BYTES_MAX / 1024} KiB`,
  ];
  const text = manual().replaceAll(/\s+/g, " ");
  for (const phrase of said) assert.ok(text.includes(phrase), `it does not say: ${phrase}`);
});
