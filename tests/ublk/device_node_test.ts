/** The links in dev_dir. */
import assert from "node:assert/strict";
import { linkPath, makeLink, removeLink } from "../../src/ublk/device_node.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Numbers that no ublk device of this machine has. */
const ID = 4_000_000;

Deno.test("link: made with its directory, made again, removed", async () => {
  await using directory = await temporaryDirectory();
  const path = linkPath(`${directory.path}/rnbd/deep`, "pool!disk");
  makeLink(path, ID);
  makeLink(path, ID);
  assert.equal(await Deno.readLink(path), `/dev/ublkb${ID}`);
  removeLink(path, ID + 1);
  assert.equal(await Deno.readLink(path), `/dev/ublkb${ID}`, "another device's link stays");
  removeLink(path, ID);
  assert.deepEqual([...Deno.readDirSync(`${directory.path}/rnbd/deep`)], []);
  removeLink(path, ID);
});

Deno.test("link: udev's relative link is the same link", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/disk`;
  const up = directory.path.replaceAll(/\/[^/]+/g, "../");
  await Deno.symlink(`${up}dev/ublkb${ID}`, path);
  makeLink(path, ID);
  assert.equal(await Deno.readLink(path), `${up}dev/ublkb${ID}`, "left as it is");
  removeLink(path, ID + 1);
  assert.equal(await Deno.readLink(path), `${up}dev/ublkb${ID}`, "another device's link stays");
  removeLink(path, ID);
  assert.deepEqual([...Deno.readDirSync(directory.path)], []);
});

Deno.test("link: one that leads nowhere is replaced; anything else keeps its name", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/disk`;
  await Deno.symlink(`/dev/ublkb${ID + 1}`, path);
  makeLink(path, ID);
  assert.equal(await Deno.readLink(path), `/dev/ublkb${ID}`);
  await Deno.remove(path);
  await Deno.symlink("/dev/null", path);
  assert.throws(() => makeLink(path, ID), /leads to \/dev\/null.*EEXIST/);
  await Deno.remove(path);
  await Deno.writeTextFile(path, "mine");
  assert.throws(() => makeLink(path, ID), /no link.*EEXIST/);
  removeLink(path, ID);
  assert.equal(await Deno.readTextFile(path), "mine");
});

Deno.test("link: names that are no file names", () => {
  for (const name of ["", ".", "..", "a/b", "a\0b"]) {
    assert.throws(() => linkPath("/dev/rnbd", name), RangeError);
  }
});
