/** fio writes and verifies over the whole chain: block sizes, depths, back ends, io modes. */
import assert from "node:assert/strict";
import { nbdUri } from "../support/appliance.ts";
import { FIO_VERIFY_ERROR, parseFio } from "../support/fio.ts";
import { type Disk, startPair } from "../support/pair.ts";
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
  { name: "file-fileio", backend: "path", ioMode: "fileio" },
  { name: "file-blockio", backend: "path", ioMode: "blockio" },
  { name: "memory-fileio", backend: "memory", sizeBytes: DISK_BYTES, ioMode: "fileio" },
  { name: "memory-blockio", backend: "memory", sizeBytes: DISK_BYTES, ioMode: "blockio" },
];

const prepareFiles = async (images: string) => {
  for (const { name, backend } of DISKS) {
    if (backend === "path") await writeSparseFile(`${images}/${name}`, DISK_BYTES);
  }
};

skippable(
  "fio --verify=crc32c is clean for every block size, depth, back end and mode",
  async (t) => {
    const fio = requireCommand("fio", "fio");
    await using pair = await startPair({ disks: DISKS, reactors: 2 }, prepareFiles);
    for (const { name } of DISKS) {
      await t.step(name, async () => {
        const mapping = await pair.client.mapping(name);
        const uri = nbdUri(mapping.device!);
        const blocks = BLOCK_BYTES.filter((bytes) => bytes >= mapping.logical_block_size);
        const jobs = blocks.flatMap((bytes) => DEPTHS.map((depth) => ({ bytes, depth })));
        const sections = jobs.map(({ bytes, depth }) =>
          `[${bytes}-${depth}]\nrw=randwrite\nbs=${bytes}\niodepth=${depth}\nsize=${
            jobBytes(bytes)
          }\n`
        );
        const file = `${pair.scratch}/${name}.fio`;
        await Deno.writeTextFile(file, `${GLOBAL}uri=${uri}\n${sections.join("")}`);
        const { stdout } = await run(fio, ["--output-format=json", file], { timeoutMs: 120_000 });
        const results = parseFio(stdout);
        assert.equal(results.length, jobs.length);
        for (const [index, job] of results.entries()) {
          const expected = jobBytes(jobs[index]!.bytes) / jobs[index]!.bytes;
          assert.equal(job.error, 0, job.jobname);
          assert.equal(job.write.total_ios, expected, `writes of ${job.jobname}`);
          assert.equal(job.read.total_ios, expected, `verified blocks of ${job.jobname}`);
        }
      });
    }
  },
);

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
