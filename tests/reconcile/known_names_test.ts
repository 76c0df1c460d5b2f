/** Which block devices are ours: by the kernel's tag, of names that the node remembers. */
import assert from "node:assert/strict";
import { KnownNames } from "../../src/appliance/reconcile/known_names.ts";
import { log } from "../../src/appliance/log.ts";
import { leftoverDevices } from "../../src/ublk/own_devices.ts";
import { ownershipTag } from "../../src/ublk/ownership_tag.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const all = () => true;

Deno.test("names survive the process; those of no use go when others come", async () => {
  await using directory = await temporaryDirectory();
  const first = new KnownNames(directory.path, "here");
  first.add(["a", "b"], all);
  const second = new KnownNames(directory.path, "here");
  assert.deepEqual([...second.tags], [["a", ownershipTag("here", "a")], [
    "b",
    ownershipTag("here", "b"),
  ]]);
  second.add(["c"], (name) => name === "b");
  assert.deepEqual([...new KnownNames(directory.path, "here").tags.keys()], ["b", "c"]);
  const { mode } = await Deno.stat(`${directory.path}/block_devices.json`);
  assert.equal(mode! & 0o777, 0o600);
  assert.deepEqual([...Deno.readDirSync(directory.path)].length, 1, "no temporary file is left");
});

Deno.test("a list that makes no sense is none, and is told of", async () => {
  await using directory = await temporaryDirectory();
  const lines: string[] = [];
  const { sink } = log;
  log.sink = (line) => lines.push(line);
  try {
    for (const text of ["", "{", "[]", '{"version":2,"names":[]}', '{"version":1,"names":[1]}']) {
      await Deno.writeTextFile(`${directory.path}/block_devices.json`, text);
      assert.equal(new KnownNames(directory.path, "here").tags.size, 0, text);
    }
  } finally {
    log.sink = sink;
  }
  assert.equal(lines.length, 5);
});

Deno.test("leftovers: our tag, a known name, and nobody who serves it", () => {
  const tags = new Map(["a", "b"].map((name) => [name, ownershipTag("here", name)] as const));
  const devices = [
    { id: 0, tag: ownershipTag("here", "a"), isServed: false },
    { id: 1, tag: ownershipTag("here", "a"), isServed: true },
    { id: 2, tag: ownershipTag("there", "a"), isServed: false },
    { id: 3, tag: ownershipTag("here", "unknown"), isServed: false },
    { id: 4, tag: { low: 0, high: 0 }, isServed: false },
    { id: 5, tag: ownershipTag("here", "b"), isServed: false },
  ];
  assert.deepEqual(leftoverDevices(devices, tags, ({ isServed }) => isServed), [
    { id: 0, name: "a" },
    { id: 5, name: "b" },
  ]);
});
