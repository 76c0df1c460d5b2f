/** The transmission phase over a real socket, from a reactor, driven by hand. */
import assert from "node:assert/strict";
import { BLOCK_FLAG, BLOCK_OP } from "../../src/rnbd/block_queue.ts";
import { COMMAND, COMMAND_FLAG, NBD_ERROR, TRANSMISSION_FLAG } from "../../src/nbd/protocol.ts";
import { waitFor } from "../support/process.ts";
import { Random } from "../support/random.ts";
import { fakeDiskOptions, type LoggedOperation } from "./harness/fake_disk.ts";
import { NbdServer } from "./harness/nbd_server.ts";
import { RawClient } from "./harness/raw_client.ts";

const { READ, WRITE, DISC, FLUSH, TRIM, WRITE_ZEROES, CACHE } = COMMAND;
const { FUA, NO_HOLE, DF } = COMMAND_FLAG;
const KIB = 2 ** 10;
const MIB = 2 ** 20;
const PIECE = 126_976;

const random = new Random(7);
const randomBytes = (length: number) => random.fill(new Uint8Array(length));

const only = (log: readonly LoggedOperation[], operation: number) =>
  log.filter((entry) => entry.operation === operation);

async function withServer(
  disk: ReturnType<typeof fakeDiskOptions>,
  body: (server: NbdServer) => Promise<void>,
): Promise<void> {
  await using server = await NbdServer.start({ disk });
  await body(server);
}

for (const structured of [true, false]) {
  const how = structured ? "structured" : "simple";
  const lengths = [512, 4 * KIB, 16 * KIB, 16 * KIB + 512, 64 * KIB, PIECE, PIECE + 512]
    .concat(128 * KIB, 300 * KIB, MIB, 5 * MIB);

  Deno.test(`NbdConnection writes and reads any length with ${how} replies`, async () => {
    await withServer(fakeDiskOptions({}, { reorderSeed: 3 }), async (server) => {
      using client = await RawClient.open(server.path, structured);
      assert.equal(client.sizeBytes, 64 * MIB);
      assert.equal((client.transmissionFlags & TRANSMISSION_FLAG.SEND_DF) !== 0, structured);
      for (const length of lengths) {
        const offset = random.below(1000) * 512;
        const payload = randomBytes(length);
        const wrote = await client.call({ command: WRITE, offset, payload });
        assert.equal(wrote.error, 0);
        assert.deepEqual(server.content.slice(offset, offset + length), payload);
        const read = await client.call({ command: READ, offset, length });
        assert.equal(read.error, 0);
        assert.deepEqual(read.data, payload);
      }
      assert.equal(server.counter("nbd_written_bytes"), lengths.reduce((a, b) => a + b));
      assert.equal(server.counter("nbd_read_bytes"), lengths.reduce((a, b) => a + b));
    });
  });

  Deno.test(`NbdConnection keeps a deep mixed queue apart with ${how} replies`, async () => {
    const disk = fakeDiskOptions({}, { reorderSeed: 11, permits: 24, delayUs: 50 });
    await withServer(disk, async (server) => {
      using client = await RawClient.open(server.path, structured);
      for (let round = 0; round < 6; round++) {
        // Each request has a range of its own, so that order does not matter.
        const ranges = Array.from({ length: 300 }, (_, i) => ({
          offset: i * 128 * KIB,
          length: 512 * (1 + random.below(i % 17 === 0 ? 256 : 40)),
        }));
        const payloads = ranges.map(({ length }) => randomBytes(length));
        const writes = ranges.map(({ offset }, i) => ({
          command: WRITE,
          offset,
          payload: payloads[i]!,
        }));
        for (const cookie of await client.sendAll(writes)) {
          assert.equal((await client.answer(cookie)).error, 0);
        }
        const reads = ranges.map((one) => ({ command: READ, ...one }));
        const cookies = await client.sendAll(reads);
        for (const [i, cookie] of cookies.entries()) {
          const { error, data } = await client.answer(cookie);
          assert.equal(error, 0);
          assert.deepEqual(data, payloads[i]);
        }
      }
    });
  });
}

Deno.test("NbdConnection splits long reads into chunks, and none with DF", async () => {
  await withServer(fakeDiskOptions(), async (server) => {
    server.content.set(randomBytes(2 * MIB));
    using client = await RawClient.open(server.path);
    const request = { command: READ, offset: 512, length: MIB };
    const split = await client.call(request);
    assert.equal(split.dataChunks, 9);
    assert.equal(split.chunks, 9);
    const whole = await client.call({ ...request, flags: DF });
    assert.equal(whole.dataChunks, 1);
    assert.deepEqual(split.data, server.content.slice(512, 512 + MIB));
    assert.deepEqual(whole.data, split.data);
    const small = await client.call({ command: READ, length: PIECE, flags: DF });
    assert.equal(small.dataChunks, 1);
    for (const { offset, length } of only(server.log, BLOCK_OP.READ)) {
      assert.ok(length <= PIECE && offset % 512 === 0 && length % 512 === 0);
    }
  });
});

Deno.test("NbdConnection answers several whole reads that share the assembly buffer", async () => {
  await withServer(fakeDiskOptions({}, { reorderSeed: 5 }), async (server) => {
    server.content.set(randomBytes(4 * MIB));
    for (const structured of [true, false]) {
      using client = await RawClient.open(server.path, structured);
      const reads = Array.from({ length: 12 }, (_, i) => ({
        command: READ,
        flags: structured ? DF : 0,
        offset: i * 4096,
        length: i % 3 === 2 ? 4096 : 512 * KIB + i * 512,
      }));
      for (const [i, cookie] of (await client.sendAll(reads)).entries()) {
        const { offset, length } = reads[i]!;
        const { error, data } = await client.answer(cookie);
        assert.equal(error, 0);
        assert.deepEqual(data, server.content.slice(offset, offset + length));
      }
    }
  });
});

Deno.test("NbdConnection passes FUA on, or flushes after a write where the device has none", async () => {
  const cases = [
    { geometry: { fua: true }, flags: BLOCK_FLAG.FUA, flushes: 0 },
    { geometry: { fua: false }, flags: 0, flushes: 1 },
    { geometry: { fua: false, writeCache: false }, flags: 0, flushes: 0 },
    { geometry: { fua: true, writeCache: false }, flags: 0, flushes: 0 },
  ];
  for (const { geometry, flags, flushes } of cases) {
    await withServer(fakeDiskOptions(geometry), async (server) => {
      using client = await RawClient.open(server.path);
      const payload = randomBytes(300 * KIB);
      assert.equal((await client.call({ command: WRITE, flags: FUA, payload })).error, 0);
      const { log } = server;
      assert.deepEqual(only(log, BLOCK_OP.WRITE).map((one) => one.flags), [flags, flags, flags]);
      assert.equal(only(log, BLOCK_OP.FLUSH).length, flushes);
      if (flushes > 0) assert.equal(log.at(-1)!.operation, BLOCK_OP.FLUSH);
      server.clearLog();
      assert.equal((await client.call({ command: WRITE, payload })).error, 0);
      assert.equal(only(server.log, BLOCK_OP.FLUSH).length, 0);
      assert.ok(only(server.log, BLOCK_OP.WRITE).every((one) => one.flags === 0));
    });
  }
});

Deno.test("NbdConnection flushes after a trim or zeroing with FUA", async () => {
  await withServer(fakeDiskOptions(), async (server) => {
    using client = await RawClient.open(server.path);
    for (const command of [TRIM, WRITE_ZEROES]) {
      server.clearLog();
      assert.equal((await client.call({ command, flags: FUA, length: 64 * MIB })).error, 0);
      const operation = command === TRIM ? BLOCK_OP.DISCARD : BLOCK_OP.WRITE_ZEROES;
      assert.equal(only(server.log, operation).length, 4);
      assert.equal(server.log.at(-1)!.operation, BLOCK_OP.FLUSH);
      assert.equal(only(server.log, BLOCK_OP.FLUSH).length, 1);
    }
    server.clearLog();
    assert.equal((await client.call({ command: FLUSH, length: 0 })).error, 0);
    assert.deepEqual(server.log.map((one) => one.operation), [BLOCK_OP.FLUSH]);
  });
});

Deno.test("NbdConnection zeroes by command, keeping the range allocated on demand", async () => {
  await withServer(fakeDiskOptions(), async (server) => {
    server.content.fill(7);
    using client = await RawClient.open(server.path);
    const first = { command: WRITE_ZEROES, offset: 512, length: 4096 };
    const second = { ...first, flags: NO_HOLE, offset: MIB };
    assert.equal((await client.call(first)).error, 0);
    assert.equal((await client.call(second)).error, 0);
    assert.deepEqual(server.log.map((one) => one.flags), [0, BLOCK_FLAG.NO_UNMAP]);
    assert.equal(server.content.indexOf(0), 512);
    assert.equal(server.content.indexOf(7, 512), 512 + 4096);
    assert.equal(server.content.indexOf(0, 512 + 4096), MIB);
  });
});

Deno.test("NbdConnection writes zeroes where the device has no command for it", async () => {
  await withServer(fakeDiskOptions({ maxWriteZeroesBytes: 0 }), async (server) => {
    server.content.fill(7);
    using client = await RawClient.open(server.path);
    const length = 20 * MIB;
    assert.equal((await client.call({ command: WRITE_ZEROES, offset: 512, length })).error, 0);
    assert.equal(server.content.indexOf(0), 512);
    assert.equal(server.content.indexOf(7, 512), 512 + length);
    assert.ok(server.log.every(({ operation }) => operation === BLOCK_OP.WRITE));
  });
});

Deno.test("NbdConnection tells the device's errors as the protocol has them", async () => {
  const disk = fakeDiskOptions({}, {
    failures: [
      { operation: BLOCK_OP.READ, from: 200 * KIB, to: 201 * KIB, errno: 5 },
      { operation: BLOCK_OP.WRITE, from: MIB, to: 2 * MIB, errno: 122 },
      { operation: BLOCK_OP.DISCARD, from: 0, to: MIB, errno: 95 },
      { operation: BLOCK_OP.WRITE_ZEROES, from: 0, to: MIB, errno: 110 },
      { operation: BLOCK_OP.FLUSH, from: 0, to: 1, errno: 30 },
    ],
  });
  await withServer(disk, async (server) => {
    using client = await RawClient.open(server.path);
    using old = await RawClient.open(server.path, false);
    const read = { command: READ, offset: 0, length: 512 * KIB };
    const partial = await client.call(read);
    assert.equal(partial.error, NBD_ERROR.EIO);
    assert.ok(partial.errorOffset <= 200 * KIB && partial.errorOffset > 0, "offset of the piece");
    assert.ok(partial.dataChunks >= 3, "the sound pieces arrive");
    const whole = await client.call({ ...read, flags: DF });
    assert.equal(whole.error, NBD_ERROR.EIO);
    assert.equal(whole.dataChunks, 0);
    for (const one of [client, old]) {
      const call = async (command: number, offset: number, length: number) => {
        const payload = command === WRITE ? { payload: new Uint8Array(length) } : { length };
        return (await one.call({ command, offset, ...payload })).error;
      };
      assert.equal(await call(READ, 0, 512 * KIB), NBD_ERROR.EIO);
      assert.equal(await call(READ, 200 * KIB, 4 * KIB), NBD_ERROR.EIO);
      assert.equal(await call(WRITE, MIB, 4 * KIB), NBD_ERROR.ENOSPC);
      assert.equal(await call(WRITE, MIB, 512 * KIB), NBD_ERROR.ENOSPC);
      assert.equal(await call(TRIM, 0, 4 * KIB), NBD_ERROR.ENOTSUP);
      assert.equal(await call(WRITE_ZEROES, 0, 4 * KIB), NBD_ERROR.EIO);
      assert.equal(await call(FLUSH, 0, 0), NBD_ERROR.EPERM);
      // The failed whole read has given its buffer back.
      assert.equal(await call(READ, MIB, 512 * KIB), 0);
    }
    assert.equal((await client.call({ ...read, flags: DF, offset: MIB })).error, 0);
  });
});

Deno.test("NbdConnection answers each broken rule, skips its payload and goes on", async () => {
  await withServer(fakeDiskOptions(), async (server) => {
    for (const structured of [true, false]) {
      using client = await RawClient.open(server.path, structured);
      const payload = randomBytes(100 * KIB);
      const cases = [
        [{ command: WRITE, offset: 64 * MIB - 512, payload }, NBD_ERROR.ENOSPC, "write_beyond_end"],
        [{ command: WRITE, offset: 1, payload }, NBD_ERROR.EINVAL, "unaligned"],
        [{ command: WRITE, flags: DF, payload }, NBD_ERROR.EINVAL, "flags"],
        [{ command: WRITE, payload: new Uint8Array(0) }, NBD_ERROR.EINVAL, "zero_length"],
        [
          { command: WRITE, payload: new Uint8Array(32 * MIB + 512) },
          NBD_ERROR.EINVAL,
          "write_too_long",
        ],
        [{ command: READ, length: 33 * MIB }, NBD_ERROR.EOVERFLOW, "read_too_long"],
        [{ command: READ, offset: 64 * MIB, length: 512 }, NBD_ERROR.EINVAL, "beyond_end"],
        [{ command: READ, length: 0 }, NBD_ERROR.EINVAL, "zero_length"],
        [{ command: FLUSH, length: 512 }, NBD_ERROR.EINVAL, "flush_range"],
        [{ command: CACHE, length: 512 }, NBD_ERROR.EINVAL, "not_offered"],
        [{ command: 77, length: 0 }, NBD_ERROR.EINVAL, "unknown"],
      ] as const;
      for (const [request, error, counter] of cases) {
        const before = server.counter(`nbd_rejected_${counter}`);
        const answer = await client.call(request);
        assert.equal(answer.error, error, counter);
        assert.equal(answer.text !== "", structured, counter);
        assert.equal(server.counter(`nbd_rejected_${counter}`), before + 1, counter);
        assert.equal((await client.call({ command: READ, length: 512 })).error, 0, counter);
      }
    }
    assert.ok(server.log.every(({ operation }) => operation === BLOCK_OP.READ));
  });
});

Deno.test("NbdConnection refuses to write to a read-only device", async () => {
  await withServer(fakeDiskOptions({ readOnly: true }), async (server) => {
    using client = await RawClient.open(server.path);
    assert.ok((client.transmissionFlags & TRANSMISSION_FLAG.READ_ONLY) !== 0);
    const payload = new Uint8Array(64 * KIB);
    assert.equal((await client.call({ command: WRITE, payload })).error, NBD_ERROR.EPERM);
    assert.equal((await client.call({ command: TRIM, length: 512 })).error, NBD_ERROR.EPERM);
    assert.equal(
      (await client.call({ command: WRITE_ZEROES, length: 512 })).error,
      NBD_ERROR.EPERM,
    );
    assert.equal((await client.call({ command: READ, length: 512 })).error, 0);
    assert.equal((await client.call({ command: FLUSH, length: 0 })).error, 0);
    assert.equal(server.counter("nbd_rejected_read_only"), 3);
  });
});

Deno.test("NbdConnection hangs up where the stream cannot be trusted any more", async () => {
  await withServer(fakeDiskOptions(), async (server) => {
    for (
      const [request, counter] of [
        [{ command: READ, length: 512, magic: 0x2560_9514 }, "magic"],
        [{ command: 99, length: 512 }, "unknown_with_length"],
      ] as const
    ) {
      using client = await RawClient.open(server.path);
      using other = await RawClient.open(server.path);
      await client.send(request);
      assert.ok(await client.isCut());
      assert.equal(server.counter(`nbd_rejected_${counter}`), 1);
      assert.equal((await other.call({ command: READ, length: 512 })).error, 0);
    }
  });
});

Deno.test("NbdConnection answers everything before it closes after DISC", async () => {
  await withServer(fakeDiskOptions({}, { delayUs: 20_000 }), async (server) => {
    using client = await RawClient.open(server.path);
    const reads = Array.from({ length: 40 }, () => ({ command: READ, length: 200 * KIB }));
    const cookies = await client.sendAll([...reads, { command: DISC, length: 0 }, ...reads]);
    for (const cookie of cookies.slice(0, 40)) assert.equal((await client.answer(cookie)).error, 0);
    assert.ok(await client.isCut());
    await server.waitForNoClient();
    assert.equal(server.counter("nbd_requests"), 40);
  });
});

Deno.test("NbdConnection answers what was asked when the client closes its sending side", async () => {
  await withServer(fakeDiskOptions({}, { delayUs: 5000 }), async (server) => {
    using client = await RawClient.open(server.path);
    const cookies = await client.sendAll(
      Array.from({ length: 20 }, () => ({ command: READ, length: 4096 })),
    );
    await client.write(new Uint8Array(10));
    await (client.connection as Deno.UnixConn).closeWrite();
    for (const cookie of cookies) assert.equal((await client.answer(cookie)).error, 0);
    assert.ok(await client.isCut());
    await server.waitForNoClient();
  });
});

Deno.test("NbdConnection lets go of a client that vanishes in the middle of anything", async () => {
  await withServer(fakeDiskOptions({}, { delayUs: 3000, permits: 40 }), async (server) => {
    const payload = new Uint8Array(MIB);
    const starts = [
      (client: RawClient) => client.write(new Uint8Array(5)),
      (client: RawClient) => client.sendAll([{ command: WRITE, length: MIB }]),
      async (client: RawClient) => {
        await client.sendAll([{ command: WRITE, length: MIB, payload: new Uint8Array(0) }]);
        await client.write(payload.subarray(0, 200_000));
      },
      async (client: RawClient) => {
        await client.sendAll([{ command: WRITE, length: 8192, payload: new Uint8Array(0) }]);
        await client.write(payload.subarray(0, 5000));
      },
      (client: RawClient) =>
        client.sendAll(Array.from({ length: 200 }, () => ({ command: READ, length: MIB }))),
      (client: RawClient) => client.sendAll([{ command: TRIM, length: 64 * MIB }]),
    ];
    for (const [i, start] of starts.entries()) {
      for (const structured of [true, false]) {
        const client = await RawClient.open(server.path, structured);
        await start(client);
        client.connection.close();
        await server.waitForNoClient();
        using other = await RawClient.open(server.path);
        assert.equal((await other.call({ command: READ, length: 512 })).error, 0, `start ${i}`);
      }
    }
  });
});

Deno.test("NbdConnection fails at once while the device is closed, and works after", async () => {
  await withServer(fakeDiskOptions(), async (server) => {
    using client = await RawClient.open(server.path);
    const payload = randomBytes(MIB);
    server.setOpen(false);
    const requests = [
      { command: READ, length: MIB },
      { command: WRITE, payload },
      { command: FLUSH, length: 0 },
      { command: TRIM, length: 512 },
    ];
    await server.figures();
    for (const request of requests) {
      assert.equal((await client.call(request)).error, NBD_ERROR.EIO);
    }
    assert.equal(server.counter("nbd_rejected_device_closed"), 4);
    server.setOpen(true);
    await server.figures();
    assert.equal((await client.call({ command: WRITE, payload })).error, 0);
    assert.deepEqual(server.content.slice(0, MIB), payload);
  });
});

Deno.test("NbdConnection fails what is left of a request when the device closes under it", async () => {
  await withServer(fakeDiskOptions({}, { delayUs: 20_000, permits: 4 }), async (server) => {
    using client = await RawClient.open(server.path);
    const cookies = await client.sendAll([
      { command: READ, length: 8 * MIB },
      { command: READ, length: 4096 },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    server.setOpen(false);
    for (const cookie of cookies) {
      assert.equal((await client.answer(cookie)).error, NBD_ERROR.EIO);
    }
    server.setOpen(true);
    await server.figures();
    assert.equal((await client.call({ command: READ, length: 4096 })).error, 0);
    // The same with a write: what was not taken of its payload has to be thrown away.
    await client.sendAll([{ command: WRITE, length: 2 * MIB, payload: new Uint8Array(MIB) }]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    server.setOpen(false);
    await server.figures();
    await client.write(new Uint8Array(MIB));
    const late = await client.call({ command: READ, length: 512 });
    assert.equal(late.error, NBD_ERROR.EIO);
  });
});

Deno.test("NbdConnection shares few permits between many clients", async () => {
  await withServer(fakeDiskOptions({}, { permits: 3, reorderSeed: 9 }), async (server) => {
    const clients = await Promise.all(
      Array.from({ length: 8 }, (_, i) => RawClient.open(server.path, i % 2 === 0)),
    );
    await Promise.all(clients.map(async (client, i) => {
      const payload = new Uint8Array(700 * KIB).fill(i + 1);
      const offset = i * MIB;
      for (let round = 0; round < 5; round++) {
        assert.equal((await client.call({ command: WRITE, offset, payload })).error, 0);
        const { data } = await client.call({ command: READ, offset, length: payload.length });
        assert.deepEqual(data, payload);
      }
    }));
    for (const client of clients) client.connection.close();
  });
});

Deno.test("NbdConnection stops reading when its requests are not taken back", async () => {
  await withServer(fakeDiskOptions(), async (server) => {
    using client = await RawClient.open(server.path);
    // Their replies are longer than what the sockets hold.
    const requests = Array.from(
      { length: 40_000 },
      () => ({ command: READ, offset: 0, length: 512 }),
    );
    const cookies = client.sendAll(requests);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const early = server.counter("nbd_requests");
    assert.ok(early < requests.length, `${early} requests taken without a reply being read`);
    const sent = client.expected;
    for (const cookie of sent) assert.equal((await client.answer(cookie)).error, 0);
    assert.deepEqual(await cookies, sent);
  });
});

Deno.test("NbdConnection leaves other clients their permits when one does not read", async () => {
  await withServer(fakeDiskOptions({}, { permits: 160 }), async (server) => {
    using lazy = await RawClient.open(server.path);
    await lazy.sendAll(Array.from({ length: 60 }, () => ({ command: READ, length: 4 * MIB })));
    using other = await RawClient.open(server.path);
    for (let i = 0; i < 100; i++) {
      assert.equal((await other.call({ command: READ, length: 4096 })).error, 0);
    }
    assert.ok((await server.figures()).permitsOut <= 128);
  });
});

Deno.test("NbdConnection.close() and drain() end connections from the server's side", async () => {
  await withServer(fakeDiskOptions({}, { delayUs: 300_000 }), async (server) => {
    const arrived = async () => (await server.figures()).permitsOut === 1;
    using drained = await RawClient.open(server.path);
    const cookie = await drained.send({ command: READ, length: 4096 });
    await waitFor(arrived, 1000, "the request at the disk");
    server.end("drain");
    assert.equal((await drained.answer(cookie)).error, 0);
    assert.ok(await drained.isCut());
    using cut = await RawClient.open(server.path);
    await cut.send({ command: READ, length: 4096 });
    await waitFor(arrived, 1000, "the request at the disk");
    server.end("close");
    assert.ok(await cut.isCut());
    await server.waitForNoClient();
  });
});
