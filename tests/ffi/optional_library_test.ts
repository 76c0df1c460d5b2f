/** A library that is not installed: found out at first use, with words that help. */
import assert from "node:assert/strict";
import { MissingLibraryError, optionalLibrary } from "../../src/ffi/optional_library.ts";

Deno.test("a missing library is an error at first use that names the packages", () => {
  const open = optionalLibrary("libnot-there.so.9", "libone1 libtwo2", {
    nothing: { parameters: [], result: "void" },
  });
  assert.throws(open, (error) => {
    assert.ok(error instanceof MissingLibraryError);
    assert.match(error.message, /^libnot-there\.so\.9 cannot be loaded: install it/);
    assert.match(error.message, /apt-get install libone1 libtwo2/);
    return true;
  });
});

Deno.test("an installed library is opened once", () => {
  const open = optionalLibrary("libc.so.6", "libc6", {
    labs: { parameters: ["i64"], result: "i64" },
  });
  assert.equal(open().labs(-5n), 5n);
  assert.equal(open(), open());
});
