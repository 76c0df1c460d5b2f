/** A whole image through the chain: nbdcopy reads the mapped disk and the bytes are the same. */
import assert from "node:assert/strict";
import { nbdUri } from "../support/appliance.ts";
import { startPair } from "../support/pair.ts";
import { run } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { sha256File, writeRandomFile, writeRange } from "../support/temporary.ts";

const MIB = 2 ** 20;
const IMAGE_BYTES = Deno.env.get("RNBD_TEST_FULL") === "1" ? 1024 * MIB : 64 * MIB;

skippable("nbdcopy of a mapped image has the image's SHA-256", async () => {
  const nbdcopy = requireCommand("nbdcopy", "libnbd-bin");
  await using pair = await startPair(
    { disks: [{ name: "disk.img", backend: "path" }], reactors: 2 },
    (images) => writeRandomFile(`${images}/disk.img`, IMAGE_BYTES),
  );
  const image = `${pair.images}/disk.img`;
  const copy = `${pair.scratch}/copy.img`;
  const mapping = await pair.client.mapping("disk.img");
  assert.equal(mapping.size_bytes, IMAGE_BYTES);
  const uri = nbdUri(await pair.client.nbdSocket("disk.img"));

  await run(nbdcopy, [uri, copy], { timeoutMs: 240_000 });
  assert.equal(await sha256File(copy), await sha256File(image));

  // The comparison notices one byte.
  await writeRange(image, IMAGE_BYTES / 2 + 1, new Uint8Array([0x55, 0xaa]));
  assert.notEqual(await sha256File(copy), await sha256File(image));

  // And the other way: what nbdcopy writes is in the server's file.
  const other = `${pair.scratch}/other.img`;
  await writeRandomFile(other, IMAGE_BYTES);
  await run(nbdcopy, ["--flush", other, uri], { timeoutMs: 240_000 });
  assert.equal(await sha256File(image), await sha256File(other));
});
