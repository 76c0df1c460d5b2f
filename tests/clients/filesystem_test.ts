/**
 * A file system on the mapped disk under heavy use, with no NBD in the kernel: nbdfuse shows the
 * disk as a file, a loop device makes that a block device, the kernel's ext4 does the rest.
 */
import assert from "node:assert/strict";
import { nbdUri } from "../support/appliance.ts";
import { startPair } from "../support/pair.ts";
import { run, sleep, tryRun, waitFor } from "../support/process.ts";
import { requireCommand, requireFile, requireRoot, skippable } from "../support/skip.ts";
import { readRange, writeRange, writeSparseFile } from "../support/temporary.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 256 * MIB;

/** The disk of an NBD socket as a file; unmounted at the end. */
async function mountFuse(nbdfuse: string, socket: string, directory: string) {
  await Deno.mkdir(directory);
  const child = new Deno.Command(nbdfuse, {
    args: [directory, "--unix", socket],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const file = `${directory}/nbd`;
  await waitFor(async () => (await Deno.stat(file)).size > 0, 10_000, "nbdfuse to mount");
  return {
    file,
    async [Symbol.asyncDispose]() {
      // A loop device lets go a moment after its last user.
      for (let tries = 0; tries < 20; tries++) {
        if ((await tryRun("umount", [directory])).code === 0) break;
        await sleep(250);
      }
      await child.status;
    },
  };
}

/** ext4 on a file, mounted; unmounted at the end if the test did not get that far. */
async function mountLoop(file: string, directory: string) {
  await Deno.mkdir(directory);
  await run("mount", ["-t", "ext4", "-o", "loop,discard", file, directory]);
  let isMounted = true;
  const unmount = async () => {
    if (!isMounted) return;
    isMounted = false;
    await run("umount", [directory]);
  };
  return { directory, unmount, [Symbol.asyncDispose]: unmount };
}

/** Many small files, renames, deletions, one big file, syncs in between; then what is expected. */
const HEAVY_USE = `
set -e
for round in 1 2 3; do
  mkdir -p round$round/deep/tree
  for i in $(seq 1 300); do head -c $((i * 37)) /dev/urandom > round$round/deep/tree/file$i; done
  dd if=/dev/urandom of=round$round/big bs=1M count=24 conv=fsync status=none
  cp -r round$round copy$round
  sync
  for i in $(seq 1 3 300); do rm round$round/deep/tree/file$i; done
  mv copy$round/deep copy$round/moved
  truncate -s 5M copy$round/big
  ln -s big copy$round/link
done
rm -r round1 copy2
sync
find . -type f -print0 | sort -z | xargs -0 sha256sum
`;

const LIST = "find . -type f -print0 | sort -z | xargs -0 sha256sum";

skippable("ext4 on the mapped disk survives heavy use and e2fsck -f", async () => {
  requireRoot("mounting a file system");
  const nbdfuse = requireCommand("nbdfuse", "libnbd-bin");
  const mkfs = requireCommand("mkfs.ext4", "e2fsprogs");
  const e2fsck = requireCommand("e2fsck", "e2fsprogs");
  requireFile("/dev/fuse", "nbdfuse needs FUSE in the kernel");
  requireFile("/dev/loop-control", "the file system is mounted through a loop device");
  await using pair = await startPair(
    { disks: [{ name: "disk", backend: "path" }], reactors: 2 },
    (images) => writeSparseFile(`${images}/disk`, DISK_BYTES),
  );
  const socket = await pair.client.nbdSocket("disk");
  let hashes = "";
  {
    await using fuse = await mountFuse(nbdfuse, socket, `${pair.scratch}/fuse`);
    await run(mkfs, ["-q", "-F", fuse.file]);
    const mounted = await mountLoop(fuse.file, `${pair.scratch}/mnt`);
    await using _ = mounted;
    const used = await run("sh", ["-c", HEAVY_USE], { cwd: mounted.directory, timeoutMs: 200_000 });
    hashes = used.stdout;
    await mounted.unmount();
    await run(e2fsck, ["-f", "-n", fuse.file]);
  }
  // The same with nothing of ours in between: the server's own file.
  const image = `${pair.images}/disk`;
  await run(e2fsck, ["-f", "-n", image]);
  await using again = await mountLoop(image, `${pair.scratch}/again`);
  assert.ok(hashes.split("\n").length > 300);
  assert.equal((await run("sh", ["-c", LIST], { cwd: again.directory })).stdout, hashes);
});

skippable(
  "a file system image written with nbdcopy passes e2fsck, a damaged one does not",
  async () => {
    const nbdcopy = requireCommand("nbdcopy", "libnbd-bin");
    const mkfs = requireCommand("mkfs.ext4", "e2fsprogs");
    const debugfs = requireCommand("debugfs", "e2fsprogs");
    const e2fsck = requireCommand("e2fsck", "e2fsprogs");
    await using pair = await startPair(
      { disks: [{ name: "disk", backend: "path" }] },
      (images) => writeSparseFile(`${images}/disk`, 64 * MIB),
    );
    const uri = nbdUri(await pair.client.nbdSocket("disk"));
    const local = `${pair.scratch}/local.img`;
    await writeSparseFile(local, 64 * MIB);
    await run(mkfs, ["-q", "-F", local]);
    // Each round: read the disk, change the file system, write it back, check what the server has.
    for (let round = 0; round < 3; round++) {
      await run(nbdcopy, ["--flush", local, uri]);
      await run(e2fsck, ["-f", "-n", `${pair.images}/disk`]);
      await run(nbdcopy, [uri, local]);
      const commands = `${pair.scratch}/commands`;
      const lines = [`mkdir d${round}`];
      for (let i = 0; i < 50; i++) lines.push(`write ${commands} d${round}/f${i}`);
      await Deno.writeTextFile(commands, lines.join("\n") + "\n");
      await run(debugfs, ["-w", "-f", commands, local]);
    }
    const superblock = await readRange(`${pair.images}/disk`, 1024, 1024);
    await writeRange(`${pair.images}/disk`, 1024, superblock.map((byte) => byte ^ 0xff));
    const damaged = `${pair.scratch}/damaged.img`;
    await run(nbdcopy, [uri, damaged]);
    assert.notEqual((await tryRun(e2fsck, ["-f", "-n", damaged])).code, 0);
  },
);
