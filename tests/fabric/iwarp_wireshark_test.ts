/** tshark, which knows nothing of us, decodes every kind of message of the carrier. */
import assert from "node:assert/strict";
import { captureLoopback, dissect } from "../support/capture.ts";
import { requireCommand, requireRoot, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { connect, type End, IwarpRig } from "./iwarp_rig.ts";

const OPCODE = { WRITE: 0, SEND: 3, SEND_INVALIDATE: 4, TERMINATE: 7, IMMEDIATE: 8 } as const;
const WRITES = 20;

/** One of each, writes of many lengths, and a broken rule at the end. */
async function talk(rig: IwarpRig, client: End, server: End): Promise<void> {
  const at = rig.memory.allocate(2 ** 20, "source");
  const target = rig.memory.allocate(2 ** 20, "target");
  const memory = rig.fabric().register(server.ticket, target, 2 ** 20, "remote");
  server.connection.expose(memory);
  const { rkey, address } = memory;
  for (let i = 0; i < WRITES; i++) {
    client.connection.writeImmediate(
      at,
      1 + i * 3001,
      at,
      i * 7,
      rkey,
      address.high,
      address.low + i,
      i,
    );
  }
  client.connection.sendImmediate(at, 272, 100);
  client.connection.sendInvalidate(rkey);
  client.connection.send(at, 100_000);
  await server.recorder.until("send 100000");
  // Now an unknown key.
  client.connection.write(at, 1, rkey, address.high, address.low);
  await client.recorder.until("closed");
  await server.recorder.until("closed");
  assert.match(client.recorder.failure!.reason, /Terminate: DDP: invalid STag/);
}

skippable("tshark decodes every kind of frame, with and without CRCs", async () => {
  requireRoot("capturing packets");
  const tcpdump = requireCommand("tcpdump", "tcpdump");
  const tshark = requireCommand("tshark", "tshark");
  await using directory = await temporaryDirectory();
  for (const crc of ["off", "on"] as const) {
    await using rig = new IwarpRig();
    const { promise, resolve } = Promise.withResolvers<End>();
    const listener = rig.serve(rig.fabric(crc), resolve);
    const file = `${directory.path}/${crc}.pcap`;
    await captureLoopback(tcpdump, listener.port, file, async () => {
      const outcome = await connect(rig.fabric(crc), "127.0.0.1", listener.port);
      if (outcome.kind !== "established") throw new Error(outcome.kind);
      await talk(rig, rig.adopt(outcome.ticket), await promise);
    });
    listener.close();
    const found = await dissect(tshark, file);
    assert.deepEqual(found.complaints, []);
    assert.deepEqual([found.mpaRequests, found.mpaReplies], [1, 1]);
    const count = (opcode: number) => found.opcodes.get(opcode) ?? 0;
    // Two segments for the SEND of 100,000 bytes; one more write than was allowed.
    assert.equal(count(OPCODE.WRITE), WRITES + 1);
    assert.equal(count(OPCODE.SEND), 3);
    assert.equal(count(OPCODE.SEND_INVALIDATE), 1);
    assert.equal(count(OPCODE.IMMEDIATE), WRITES + 1);
    assert.equal(count(OPCODE.TERMINATE), 1);
  }
});
