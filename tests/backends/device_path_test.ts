import assert from "node:assert/strict";
import fc from "fast-check";
import { composeDevicePath, DevicePathError } from "../../src/rnbd/server/device_path.ts";

function refused(searchPath: string, sessname: string, name: string, reason: RegExp): void {
  assert.throws(() => composeDevicePath(searchPath, sessname, name), (error) => {
    assert(error instanceof DevicePathError);
    assert.equal(error.errno, 22);
    assert.match(error.message, reason);
    return true;
  });
}

Deno.test("composeDevicePath() puts the name below the search path", () => {
  const cases = [
    ["/srv/rnbd", "disk0.img", "/srv/rnbd/disk0.img"],
    ["/srv/rnbd/", "disk0.img", "/srv/rnbd/disk0.img"],
    ["/srv/rnbd", "/disk0.img", "/srv/rnbd/disk0.img"],
    ["/srv//rnbd//", "//a///b", "/srv/rnbd/a/b"],
    ["/", "dev/nullb0", "/dev/nullb0"],
    ["/", "/dev/nullb0", "/dev/nullb0"],
    ["/srv", "./a.b/.c", "/srv/./a.b/.c"],
  ] as const;
  for (const [searchPath, name, path] of cases) {
    assert.equal(composeDevicePath(searchPath, "s", name), path);
  }
});

Deno.test("composeDevicePath() puts the session's name at the marker and drops what follows", () => {
  const path = (searchPath: string) => composeDevicePath(searchPath, "store-2", "disk");
  assert.equal(path("/srv/%SESSNAME%"), "/srv/store-2/disk");
  assert.equal(path("/srv/%SESSNAME%/images"), "/srv/store-2/disk");
  assert.equal(path("/srv/of-%SESSNAME%"), "/srv/of-/store-2/disk");
  assert.equal(path("%SESSNAME%"), "/store-2/disk");
  assert.equal(path("/a/%SESSNAME%/%SESSNAME%"), "/a/store-2/disk");
});

Deno.test("composeDevicePath() refuses what could climb, cut or overflow a path", () => {
  refused("/srv", "s", "../etc/shadow", /'\.\.'/);
  refused("/srv", "s", "a/../b", /'\.\.'/);
  refused("/srv", "s", "a..b", /'\.\.'/);
  refused("/srv", "s", "..", /'\.\.'/);
  refused("/srv", "s", "a\0b", /NUL/);
  refused("/srv", "s", "", /empty/);
  refused("/srv", "s", "///", /empty/);
  refused("/srv", "s", "x".repeat(255), /longer than 254/);
  refused("/srv", "s", "é".repeat(128), /longer than 254/);
  refused("/" + "d".repeat(4090), "s", "disk00", /longer than 4095/);
  refused("/srv/%SESSNAME%", "", "disk", /no name/);
  refused("/srv/%SESSNAME%", "..", "disk", /session's name/);
  refused("/srv/%SESSNAME%", "a/b", "disk", /session's name/);
  refused("/" + "d".repeat(4000) + "/%SESSNAME%", "s".repeat(100), "disk", /longer than 4095/);
  assert.equal(composeDevicePath("/srv", "s", "x".repeat(254)).length, 5 + 254);
});

Deno.test("composeDevicePath() never leaves the search path, whatever the name", () => {
  const awkward = fc.array(
    fc.constantFrom("/", ".", "..", "a", "b%SESSNAME%", "\0", "%2e%2e", "é", "\\", "~", " "),
    { maxLength: 40 },
  ).map((parts) => parts.join(""));
  const names = fc.oneof(awkward, fc.string({ unit: "binary" }));
  let accepted = 0;
  fc.assert(
    fc.property(names, fc.constantFrom("/srv", "/", "/a/%SESSNAME%/x"), (name, searchPath) => {
      let path: string;
      try {
        path = composeDevicePath(searchPath, "sess", name);
      } catch (error) {
        assert(error instanceof DevicePathError);
        return;
      }
      accepted++;
      const top = searchPath.replace(/%SESSNAME%.*/, "sess/").replace(/\/?$/, "/");
      assert(path.startsWith(top));
      // As a resolver without symbolic links would walk it.
      assert(new URL(`file://${encodeURI(path.toWellFormed())}`).pathname.startsWith(top));
      assert(!path.includes("//") && !path.includes("\0") && !path.split("/").includes(".."));
    }),
    { numRuns: 2000 },
  );
  assert(accepted > 100, `only ${accepted} names were accepted: the test tests nothing`);
});
