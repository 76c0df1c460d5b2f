/** tshark, which knows nothing of us, decodes a captured session down to RDMAP. */
import assert from "node:assert/strict";
import { nbdUri } from "../support/appliance.ts";
import { captureLoopback, dissect } from "../support/capture.ts";
import { parseFio } from "../support/fio.ts";
import { startPair } from "../support/pair.ts";
import { freePort, run } from "../support/process.ts";
import { requireCommand, requireRoot, skippable } from "../support/skip.ts";
import { temporaryDirectory, writeRandomFile } from "../support/temporary.ts";

const MIB = 2 ** 20;
/** RDMAP opcodes: RFC 5040 section 4.3, and RFC 7306 for immediate data. */
const RDMA_WRITE = 0;
const TERMINATE = 7;
const IMMEDIATE = 8;

const requireTools = () => {
  requireRoot("capturing packets");
  return {
    tcpdump: requireCommand("tcpdump", "tcpdump"),
    tshark: requireCommand("tshark", "tshark"),
  };
};

skippable(
  "tshark decodes a session with reads, writes and discards without a complaint",
  async () => {
    const { tcpdump, tshark } = requireTools();
    const qemuIo = requireCommand("qemu-io", "qemu-utils");
    const fio = requireCommand("fio", "fio");
    await using pair = await startPair(
      { disks: [{ name: "disk.img", backend: "path" }] },
      (images) => writeRandomFile(`${images}/disk.img`, 32 * MIB),
    );
    // tshark needs the first bytes of each connection, so the client starts under the capture.
    await pair.client.stop();
    const file = `${pair.scratch}/session.pcap`;
    let ios = 0;
    await captureLoopback(tcpdump, pair.port, file, async () => {
      await pair.restartClient();
      const socket = await pair.client.nbdSocket("disk.img");
      const commands = [
        "read 0 1M",
        "write -P 0x11 2M 1M",
        "write -f -P 7 4096 512",
        "discard 8M 4M",
      ];
      commands.push("write -z 16M 64k", "read -P 0x11 2M 1M", "flush");
      const args = commands.flatMap((command) => ["-c", command]);
      await run(qemuIo, ["-f", "raw", ...args, `nbd:unix:${socket}`]);
      const { stdout } = await run(fio, [
        "--name=mixed",
        "--ioengine=nbd",
        `--uri=${nbdUri(socket)}`,
        "--rw=randrw",
        "--bssplit=512/30:4k/40:64k/30",
        "--iodepth=16",
        "--size=8M",
        "--output-format=json",
      ]);
      const [job] = parseFio(stdout);
      ios = commands.length + job!.read.total_ios + job!.write.total_ios;
      await pair.client.stop();
    });
    const found = await dissect(tshark, file);
    assert.deepEqual(found.complaints, []);
    assert.ok(found.mpaRequests >= 2, "a service connection and one for data");
    assert.equal(found.mpaReplies, found.mpaRequests);
    assert.equal(found.opcodes.get(TERMINATE), undefined);
    // The server answers each request with an immediate; what was not decoded would be missing here.
    assert.ok((found.opcodes.get(IMMEDIATE) ?? 0) >= ios, `${ios} I/Os, ${[...found.opcodes]}`);
    assert.ok((found.opcodes.get(RDMA_WRITE) ?? 0) > 0);
  },
);

skippable("the judgement of a capture notices a malformed frame", async () => {
  const { tcpdump, tshark } = requireTools();
  await using directory = await temporaryDirectory();
  const port = freePort();
  const file = `${directory.path}/bad.pcap`;
  await captureLoopback(tcpdump, port, file, () => exchangeShortFrame(port));
  const found = await dissect(tshark, file);
  assert.equal(found.mpaRequests, 1);
  assert.notDeepEqual(found.complaints, []);
});

/** A correct MPA start-up, then a tagged DDP segment of 6 bytes, where the header alone has 14. */
async function exchangeShortFrame(port: number): Promise<void> {
  const TAGGED_LAST = 0xc1;
  const RDMAP_WRITE = 0x40;
  using listener = Deno.listen({ hostname: "127.0.0.1", port });
  const accepted = listener.accept();
  using client = await Deno.connect({ hostname: "127.0.0.1", port });
  using server = await accepted;
  const buffer = new Uint8Array(1024);
  const startup = (key: string) => new Uint8Array([...new TextEncoder().encode(key), 0, 1, 0, 0]);
  await client.write(startup("MPA ID Req Frame"));
  await server.read(buffer);
  await server.write(startup("MPA ID Rep Frame"));
  await client.read(buffer);
  await client.write(new Uint8Array([0, 6, TAGGED_LAST, RDMAP_WRITE, 0, 0, 0, 0, 0, 0, 0, 0]));
  await server.read(buffer);
}
