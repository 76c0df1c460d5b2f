/** What udev is told of a block device. */
import assert from "node:assert/strict";
import { removeUdevRecord, udevRecords, writeUdevRecord } from "../../src/ublk/udev_record.ts";
import { temporaryDirectory } from "../support/temporary.ts";

Deno.test("udev record: written, written over, removed", async () => {
  await using directory = await temporaryDirectory();
  const folder = udevRecords(directory.path);
  writeUdevRecord(folder, 7, "vm!disk0.img");
  assert.equal(await Deno.readTextFile(`${folder}/ublkb7`), "RNBD_NAME=vm!disk0.img\n");
  writeUdevRecord(folder, 7, "scratch");
  writeUdevRecord(folder, 7, "scratch");
  assert.equal(await Deno.readTextFile(`${folder}/ublkb7`), "RNBD_NAME=scratch\n");
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["ublkb7"]);
  removeUdevRecord(folder, 7);
  removeUdevRecord(folder, 7);
  assert.deepEqual([...Deno.readDirSync(folder)], []);
});

Deno.test("udev record: a name that udev would read otherwise leaves none, not an old one", async () => {
  await using directory = await temporaryDirectory();
  const folder = udevRecords(directory.path);
  for (const name of ["two words", 'a"b', "a\nB=c", "$env{X}", "ä", "a\\b", "*"]) {
    writeUdevRecord(folder, 7, "old");
    writeUdevRecord(folder, 7, name);
    assert.deepEqual([...Deno.readDirSync(folder)], [], name);
  }
});
