/** fio writes and verifies over the whole chain: block sizes, depths, back ends, io modes. */
import assert from "node:assert/strict";
import { nbdUri } from "../support/appliance.ts";
import { FIO_VERIFY_ERROR, parseFio } from "../support/fio.ts";
import { type Disk, type Pair, startPair } from "../support/pair.ts";
import { run, tryRun } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { readRange, writeRange, writeSparseFile } from "../support/temporary.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const DISK_BYTES = 256 * MIB;
const BLOCK_BYTES = [512, 4 * KIB, 64 * KIB, MIB];
const DEPTHS = [1, 16, 64];

/** Few enough to be quick, enough to fill the deepest queue several times over. */
function jobBytes(blockBytes: number): number {
  return Math.max(256 * blockBytes, MIB);
}

const GLOBAL = `
[global]
ioengine=nbd
verify=crc32c
verify_fatal=1
verify_state_save=0
stonewall
`;

const DISKS: readonly Disk[] = [
  { name: "file", backend: "path" },
  { name: "memory", backend: "memory", sizeBytes: DISK_BYTES },
];

for (const ioMode of ["fileio", "blockio"] as const) {
  skippable(`fio --verify=crc32c is clean at every block size and depth, ${ioMode}`, async (t) => {
    const fio = requireCommand("fio", "fio");
    await using pair = await startPair(
      { disks: DISKS, reactors: 2, ioMode },
      (images) => writeSparseFile(`${images}/file`, DISK_BYTES),
    );
    for (const { name } of DISKS) await t.step(name, () => verifyDisk(fio, pair, name));
  });
}

/** One run of fio with a job for each block size and depth. */
async function verifyDisk(fio: string, pair: Pair, name: string): Promise<void> {
  const uri = nbdUri(await pair.client.nbdSocket(name));
  const { logical_block_size } = await pair.client.mapping(name);
  const jobs = BLOCK_BYTES.filter((bytes) => bytes >= logical_block_size)
    .flatMap((bytes) => DEPTHS.map((depth) => ({ bytes, depth, size: jobBytes(bytes) })));
  const sections = jobs.map(({ bytes, depth, size }) =>
    `[${bytes}-${depth}]\nrw=randwrite\nbs=${bytes}\niodepth=${depth}\nsize=${size}\n`
  );
  const file = `${pair.scratch}/${name}.fio`;
  await Deno.writeTextFile(file, `${GLOBAL}uri=${uri}\n${sections.join("")}`);
  const { stdout } = await run(fio, ["--output-format=json", file], { timeoutMs: 120_000 });
  const results = parseFio(stdout);
  assert.equal(results.length, jobs.length);
  for (const [index, job] of results.entries()) {
    const { bytes, size } = jobs[index]!;
    assert.equal(job.error, 0, job.jobname);
    assert.equal(job.write.total_ios, size / bytes, `writes of ${job.jobname}`);
    assert.equal(job.read.total_ios, size / bytes, `verified blocks of ${job.jobname}`);
  }
}

skippable("fio's verification notices a byte changed in the server's file", async () => {
  const fio = requireCommand("fio", "fio");
  const disk: Disk = { name: "disk", backend: "path" };
  await using pair = await startPair(
    { disks: [disk] },
    (images) => writeSparseFile(`${images}/disk`, 16 * MIB),
  );
  const uri = nbdUri(await pair.client.nbdSocket("disk"));
  const common = [
    "--name=job",
    "--ioengine=nbd",
    `--uri=${uri}`,
    "--verify=crc32c",
    "--verify_fatal=1",
    "--verify_state_save=0",
    "--size=2M",
    "--bs=4k",
    "--iodepth=16",
    "--output-format=json",
  ];
  await run(fio, [...common, "--rw=write", "--do_verify=0"]);
  await run(fio, [...common, "--rw=read"]);

  const image = `${pair.images}/disk`;
  const [before] = await readRange(image, 100_300, 1);
  await writeRange(image, 100_300, new Uint8Array([before! ^ 1]));
  const { code, stdout } = await tryRun(fio, [...common, "--rw=read"]);
  assert.notEqual(code, 0);
  assert.equal(parseFio(stdout)[0]!.error, FIO_VERIFY_ERROR);
});
