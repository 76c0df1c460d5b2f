/** docs/control-api.md says what the code does: routes, fields, defaults, errors. */
import assert from "node:assert/strict";
import type { MapRequest } from "../../src/appliance/appliance_api.ts";
import { ApiFailure, STATUS_BY_ERRNO } from "../../src/appliance/control_api/failure.ts";
import {
  readBenchRequest,
  readMapRequest,
  readVerifyRequest,
} from "../../src/appliance/control_api/requests.ts";
import { ROUTES } from "../../src/appliance/control_api/routes.ts";
import { MEASURED, STATUS, VERIFIED } from "./fake_appliance.ts";

const TEXT = Deno.readTextFileSync(new URL("../../docs/control-api.md", import.meta.url));

/** The text below a heading, up to the next one. */
function section(title: string): string {
  const start = TEXT.search(new RegExp(`^#+ ${title}$`, "m"));
  assert.ok(start >= 0, `docs/control-api.md has no section ${title}`);
  const body = TEXT.slice(TEXT.indexOf("\n", start) + 1);
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

const names = (title: string, first: string): string[] =>
  table(title, first).flatMap(([cell]) => quoted(cell!)).sort();

/** Objects whose names are data. */
const MAPS = ["reactors[].counters", "rejections"];

/** Every field of a value: `a.b`, `list[].c`. */
function fieldsOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((element) => fieldsOf(element, `${path}[]`));
  if (typeof value !== "object" || value === null || MAPS.includes(path)) return [path];
  const dot = path === "" ? "" : `${path}.`;
  return Object.entries(value).flatMap(([name, inner]) => fieldsOf(inner, dot + name));
}

const unique = (values: readonly string[]): string[] => [...new Set(values)].sort();

Deno.test("docs/control-api.md has the routes of the code", () => {
  const documented = table("Requests", "request").flatMap(([cell]) => quoted(cell!)).sort();
  const coded = ROUTES.map(({ method, path, query }) =>
    `${method} ${path}${query === undefined ? "" : `?${query.join("&")}=false`}`
  ).sort();
  assert.deepEqual(documented, coded);
});

Deno.test("docs/control-api.md has every field of the status, and no other", () => {
  const fields = fieldsOf(STATUS).map((field) =>
    field.replace(/^(clients\[\]\.paths\[\]).*/, "$1")
  );
  assert.deepEqual(names("Status", "field"), unique(fields));
});

Deno.test("docs/control-api.md has the fields and defaults of verify and bench", () => {
  const cases: [string, object, object][] = [
    ["Verify", readVerifyRequest({ destroy_data: true }, "m"), {
      ...VERIFIED,
      first_bad_offsets: 0,
    }],
    ["Bench", readBenchRequest({}, "m"), MEASURED],
  ];
  for (const [title, request, result] of cases) {
    const rows = table(title, "field").map(([name, value]) =>
      [quoted(name!)[0]!, JSON.parse(value!.replaceAll("`", ""))] as const
    );
    const defaults = Object.fromEntries(rows);
    // Verify does nothing without it.
    const expected = { ...request, ...(title === "Verify" ? { destroy_data: false } : {}) };
    assert.deepEqual({ name: "m", ...defaults }, expected);
    assert.deepEqual(names(title, "answer"), unique(fieldsOf(result)));
  }
});

Deno.test("the example of a mapping in docs/control-api.md is right and has every field", () => {
  const example = JSON.parse(/```json\n([^]*?)```/.exec(section("Mapping"))![1]!);
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
  // These come from HTTP, not from an errno.
  const rows = table("Errors", "HTTP status").filter(([status]) => !/^4(05|13|15)$/.test(status!));
  const documented = rows.flatMap(([status, errnos]) =>
    quoted(errnos!).map((errno) => [errno, Number(status)])
  );
  assert.deepEqual(Object.fromEntries(documented), STATUS_BY_ERRNO);
});

Deno.test("every name that leaves the program is in snake_case", () => {
  const fields = [STATUS, VERIFIED, MEASURED].flatMap((value) => fieldsOf(value));
  for (const field of fields) assert.match(field, /^[a-z0-9_.[\]]+$/);
});
