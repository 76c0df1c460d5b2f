/** Files by way of libc: against Deno's own view of a folder made for the purpose, and of /proc. */
import assert from "node:assert/strict";
import { SystemError } from "../../src/ffi/errno.ts";
import {
  isSystemFile,
  listSystemFolder,
  makeSystemFolder,
  makeSystemLink,
  readSystemLink,
  readSystemText,
  removeSystemFile,
} from "../../src/ffi/system_files.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const hasErrno = (name: string) => (error: unknown) =>
  error instanceof SystemError && error.message.includes(name);

Deno.test("system files: text of any length, cut anywhere, also where the size is said to be 0", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/text`;
  for (const text of ["", "a", "ä".repeat(70_000), "x" + "€".repeat(65_536)]) {
    await Deno.writeTextFile(path, text);
    assert.equal(readSystemText(path), text);
  }
  assert.match(readSystemText("/proc/self/status"), /^Name:.*^CapEff:/ms);
  assert.throws(() => readSystemText(`${path}2`), hasErrno("ENOENT"));
  assert.throws(() => readSystemText(directory.path), hasErrno("EISDIR"));
});

Deno.test("system files: the names of a folder, more than one call gives", async () => {
  await using directory = await temporaryDirectory();
  assert.deepEqual(listSystemFolder(directory.path), []);
  const names = [".hidden", "ünicode", "x".repeat(255)];
  for (let i = 0; i < 3000; i++) names.push(`a rather long name of a file ${i}`);
  for (const name of names) await Deno.writeTextFile(`${directory.path}/${name}`, "");
  assert.deepEqual(listSystemFolder(directory.path), names.sort());
  assert.throws(() => listSystemFolder(`${directory.path}/.hidden`), hasErrno("ENOTDIR"));
  assert.throws(() => listSystemFolder(`${directory.path}/none`), hasErrno("ENOENT"));
});

Deno.test("system files: nothing stays open", () => {
  const before = listSystemFolder("/proc/self/fd").length;
  for (let i = 0; i < 20; i++) {
    readSystemText("/proc/self/stat");
    listSystemFolder("/proc/self");
    assert.throws(() => readSystemText("/proc"));
  }
  assert.equal(listSystemFolder("/proc/self/fd").length, before);
});

Deno.test("system files: folders and links", async () => {
  await using directory = await temporaryDirectory();
  const folder = `${directory.path}/a/b/c`;
  makeSystemFolder(folder);
  makeSystemFolder(folder);
  const link = `${folder}/link`;
  assert.equal(isSystemFile(link), false);
  makeSystemLink("/nowhere/ä", link);
  assert.equal(isSystemFile(link), true, "a link counts wherever it leads");
  assert.equal(readSystemLink(link), "/nowhere/ä");
  assert.throws(() => makeSystemLink("/", link), hasErrno("EEXIST"));
  assert.throws(() => readSystemLink(folder), hasErrno("EINVAL"));
  removeSystemFile(link);
  assert.equal(isSystemFile(link), false);
  assert.throws(() => removeSystemFile(link), hasErrno("ENOENT"));
  await Deno.writeTextFile(link, "");
  assert.throws(() => makeSystemFolder(`${link}/d`), hasErrno("ENOTDIR"));
});
