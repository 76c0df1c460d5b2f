/** What is printed can be read back, whatever names hold; colours; columns and units. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { toCsv } from "../../src/cli/output/csv.ts";
import { toJson } from "../../src/cli/output/json.ts";
import { cutToWidth, displayWidth, printable } from "../../src/cli/output/printable.ts";
import { toXml } from "../../src/cli/output/xml.ts";
import { EventStreamParser } from "../../src/cli/event_stream.ts";
import { run } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { capture } from "./capture.ts";
import { EXPORTED, failure, FakeControl, METRICS } from "./fake_control.ts";
import { HOSTILE, HOSTILE_STATUS } from "./hostile_status.ts";

// deno-lint-ignore no-control-regex
const ORDERS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

Deno.test("nothing that is printable gives orders, and it is as wide as it is shown", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const shown = printable(text);
    assert.doesNotMatch(shown, ORDERS);
    assert.ok(shown.isWellFormed());
    assert.ok(displayWidth(cutToWidth(shown, 10)) <= 10);
  }));
  assert.equal(cutToWidth("ab\u001b[32mcdef\u001b[0mgh", 5), "ab\u001b[32mcd…\u001b[0m");
  assert.equal(cutToWidth("\u001b[32mabc\u001b[0m", 3), "\u001b[32mabc\u001b[0m");
  assert.equal(displayWidth("漢字 é e\u0301 💩"), 11);
});

Deno.test("JSON is the data, and gives no orders", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = toJson(value);
    assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
    assert.doesNotMatch(text, ORDERS);
  }));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => {
    assert.equal(JSON.parse(toJson({ [value]: value }))[value], value);
    assert.doesNotMatch(toJson({ [value]: value }), ORDERS);
  }));
});

/** Texts that every format must bring across. */
const TEXTS = fc.sample(fc.string({ unit: "grapheme" }), { numRuns: 200, seed: 7 })
  .concat(HOSTILE, "", " a ", '"', '""', "a\nb", "a\r\nb", ",", ";", "=1+1", "\t", "]]>", "&amp;");

skippable("an independent reader gets the data of CSV back", async () => {
  const python = requireCommand("python3", "python3");
  await using directory = await temporaryDirectory();
  const records = TEXTS.map((text) => [text, "x", text]);
  Deno.writeTextFileSync(`${directory.path}/a.csv`, toCsv(records).join("\n") + "\n");
  const script = "import csv,json,sys\n" +
    "print(json.dumps(list(csv.reader(open(sys.argv[1],newline='',encoding='utf-8')))))";
  const { stdout } = await run(python, ["-c", script, `${directory.path}/a.csv`]);
  // This reader ends lines at CR and NUL ends nothing; both stay inside of quotes.
  assert.deepEqual(JSON.parse(stdout), records);
});

skippable(
  "an independent reader gets the data of XML back, but for what XML cannot have",
  async () => {
    const python = requireCommand("python3", "python3");
    await using directory = await temporaryDirectory();
    Deno.writeTextFileSync(`${directory.path}/a.xml`, toXml("rnbd", { names: TEXTS, "x y": 1 }));
    const script = "import json,sys,xml.etree.ElementTree as E\n" +
      "r=E.parse(sys.argv[1]).getroot()\n" +
      "print(json.dumps([[e.text or '' for e in r.find('names')],r.find('entry').get('key')]))";
    const { stdout } = await run(python, ["-c", script, `${directory.path}/a.xml`]);
    // deno-lint-ignore no-control-regex
    const impossible = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;
    const expected = TEXTS.map((text) => text.replaceAll(impossible, "\ufffd"));
    assert.deepEqual(JSON.parse(stdout), [expected, "x y"]);
  },
);

Deno.test("CSV stays as it is in files and gives no orders on a terminal", async () => {
  await using fake = await FakeControl.start();
  const line = ["list", "mappings", "name", "csv", "--socket", fake.socket];
  assert.ok((await capture(line)).out.includes(HOSTILE.replaceAll('"', '""')));
  const shown = await capture(line, {}, { isTerminal: true });
  assert.doesNotMatch(shown.out, ORDERS);
  for (const verb of ["metrics", "export-config"]) {
    fake.answers.set("GET /metrics", () => new Response(`a\u001b[31m\n`));
    fake.answers.set("GET /v1/config/export", () => new Response(`a\u001b[31m\n`));
    const { out } = await capture([verb, "--socket", fake.socket], {}, { isTerminal: true });
    assert.equal(out, "a?[31m\n");
  }
});

Deno.test("colours are for terminals that want them", async () => {
  await using fake = await FakeControl.start();
  const line = ["list", "--socket", fake.socket];
  const colored = await capture(line, {}, { isTerminal: true, isColored: true });
  assert.ok(colored.out.includes("\u001b[32mopen\u001b[0m"));
  assert.ok(colored.out.includes("\u001b[31mclosed\u001b[0m"));
  const plain = await capture(line, {}, { isTerminal: true });
  assert.doesNotMatch(plain.out, ORDERS);
  // Without the colours both are the same: they take no room.
  // deno-lint-ignore no-control-regex
  assert.equal(colored.out.replaceAll(/\u001b\[\d+m/g, ""), plain.out);
});

Deno.test("columns, units and what may be left out", async () => {
  await using fake = await FakeControl.start();
  const list = async (...words: string[]) =>
    (await capture(["list", ...words, "--socket", fake.socket])).out;
  assert.equal(
    firstLine(await list("mappings", "name,size", "csv", "noheaders", "M")),
    "scratch,64.000",
  );
  assert.equal(
    await list("mappings", "size", "csv", "B").then((out) => out.split("\n")[1]),
    "67108864",
  );
  assert.equal(await list("mappings", "size", "prec=3", "noheaders").then(firstLine), "64.000 MiB");
  assert.match(await list("mappings", "all", "csv"), /^name,sessname,/);
  const without = await list("mappings", "-name", "-state", "csv");
  assert.match(without, /^sessname,mapping_path,access_mode,/);
  const more = await list("mappings", "--columns=+origin,-devpath", "csv");
  assert.match(more, /,tx_bytes,origin\n/);
  const json = JSON.parse(await list("mappings", "name,device_path", "json"));
  assert.deepEqual(json.mappings[0], { name: "scratch", mapping_path: "disk0.img" });
  assert.doesNotMatch(await list("mappings", "nototals"), /total/);
  assert.doesNotMatch(await list("client", "sessions", "notree"), /└─/);
  fake.status = { ...HOSTILE_STATUS, mappings: [], exports: [] };
  assert.equal(await list("mappings"), "no mappings\n");
  assert.equal(await list("mappings", "noheaders"), "");
  assert.deepEqual(JSON.parse(await list("json")), { mappings: [], exports: [] });
});

const firstLine = (out: string) => out.split("\n")[0];

Deno.test("options may stand before the verb", async () => {
  await using fake = await FakeControl.start();
  const before = await capture(["--socket", fake.socket, "-o", "json", "list", "mappings", "name"]);
  const after = await capture(["list", "mappings", "name", "json", "--socket", fake.socket]);
  assert.deepEqual([before.code, before.err], [0, ""]);
  assert.equal(before.out, after.out);
});

Deno.test("metrics and export-config print what the appliance says", async () => {
  await using fake = await FakeControl.start();
  const at = ["--socket", fake.socket];
  assert.deepEqual(await capture(["metrics", ...at]), { code: 0, out: METRICS, err: "" });
  const exported = await capture(["export-config", "a b", "c&d", ...at]);
  assert.deepEqual(exported, { code: 0, out: EXPORTED, err: "" });
  assert.equal(fake.asked.at(-1)!.path, "/v1/config/export?name=a%20b&name=c%26d");
});

Deno.test("an unknown name is answered with the one that may be meant", async () => {
  await using fake = await FakeControl.start();
  const gone = () => failure(404, "There is no such mapping", "ENOENT", 1);
  fake.answers.set("DELETE /v1/mappings/NAME", gone);
  const near = await capture(["unmap", "scrtach", "--socket", fake.socket]);
  assert.deepEqual([near.code, near.out], [1, ""]);
  assert.equal(
    near.err,
    'rnbd-appliance: There is no such mapping; did you mean "scratch"?\n',
  );
  const far = await capture(["unmap", "zzz", "--socket", fake.socket]);
  assert.equal(far.err, "rnbd-appliance: There is no such mapping\n");
  fake.answers.delete("DELETE /v1/mappings/NAME");
  fake.answers.set(
    "POST /v1/mappings/NAME/remap",
    ({ path }) => path.includes("/fast/") ? HOSTILE_STATUS.mappings[2] : gone(),
  );
  // A block device and a device path stand for their mapping.
  for (const name of ["/dev/rnbd/fast", "vm/2"]) {
    assert.equal((await capture(["remap", name, "--socket", fake.socket])).code, 0);
  }
});

Deno.test("an event stream is read in pieces of any size", () => {
  const text = ': hi\r\n\r\nid: 1\ndata: {"a":\ndata: 1}\n\ndata:x\r\r\nevent: e\ndata: y\n\n';
  const whole = new EventStreamParser().push(text);
  assert.deepEqual(whole, ['{"a":\n1}', "x", "y"]);
  fc.assert(fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
    const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
    const parser = new EventStreamParser();
    const found = places.slice(1).flatMap((end, i) => parser.push(text.slice(places[i]!, end)));
    assert.deepEqual(found, whole);
  }));
});
