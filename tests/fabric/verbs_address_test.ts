/** The verbs carrier's small pure parts: addresses, queue sizes, words for what went wrong. */
import assert from "node:assert/strict";
import {
  encodeCmAddress,
  formatCmAddress,
  portOfCmAddress,
  portSpaceOf,
} from "../../src/fabric/verbs/cm_address.ts";
import { queueDepths } from "../../src/fabric/verbs/connection_objects.ts";
import { failureOfEvent, isConsumerReject } from "../../src/fabric/verbs/failure.ts";
import { meaningOfStatus } from "../../src/fabric/verbs/status_words.ts";
import { makeTicket, readTicket } from "../../src/fabric/verbs/ticket.ts";
import type { CmEvent } from "../../src/ffi/librdmacm.ts";
import { CM_EVENT, PORT_SPACE, WC_STATUS } from "../../src/ffi/verbs_layout.ts";

const hex = (bytes: Uint8Array) => bytes.toHex();

Deno.test("verbs: addresses of both kinds, with their ports", () => {
  const ipv4 = encodeCmAddress("ip", "10.9.0.1", 1234);
  assert.equal(hex(ipv4), "020004d20a0900010000000000000000");
  assert.equal(formatCmAddress(ipv4), "ip:10.9.0.1");
  assert.equal(portOfCmAddress(ipv4), 1234);
  const ipv6 = encodeCmAddress("ip", "FD00::1", 1234);
  assert.equal(formatCmAddress(ipv6), "ip:fd00::1");
  // A dual-stack listener sees IPv4 peers as IPv6.
  assert.equal(formatCmAddress(encodeCmAddress("ip", "::ffff:10.9.0.1", 1)), "ip:10.9.0.1");
  assert.equal(portSpaceOf("ip"), PORT_SPACE.TCP);
  assert.throws(() => encodeCmAddress("ip", "host", 1), RangeError);
});

Deno.test("verbs: a GID travels as AF_IB with port space and port in the service id", () => {
  const gid = encodeCmAddress("gid", "fe80::2:c903:1", 1234);
  assert.equal(
    hex(gid),
    "1b00ffff00000000" + "fe8000000000000000000002c9030001" + "00000000013f04d2" +
      "ffffffffffffffff" + "0000000000000000",
  );
  assert.equal(formatCmAddress(gid), "gid:fe80:0000:0000:0000:0000:0002:c903:0001");
  assert.equal(portOfCmAddress(gid), 1234);
  assert.equal(portSpaceOf("gid"), PORT_SPACE.IB);
  assert.throws(() => encodeCmAddress("gid", "10.9.0.1", 1), RangeError);
});

Deno.test("verbs: queues fit the device, and leave room for the marker", () => {
  const rxe = { workRequestsMax: 1_048_576, completionsMax: 32_767 };
  assert.deepEqual(queueDepths({ sendsMax: 528, receivesMax: 1040 }, rxe), {
    sendDepth: 528,
    receiveDepth: 1040,
    windowDepth: 0,
  });
  const small = { workRequestsMax: 100, completionsMax: 150 };
  assert.deepEqual(queueDepths({ sendsMax: 528, receivesMax: 1040 }, small), {
    sendDepth: 74,
    receiveDepth: 75,
    windowDepth: 0,
  });
  assert.deepEqual(queueDepths({ sendsMax: 0, receivesMax: 0 }, rxe), {
    sendDepth: 1,
    receiveDepth: 1,
    windowDepth: 0,
  });
});

Deno.test("verbs: changes of windows have their room in the queue, or there is no connection", () => {
  const small = { workRequestsMax: 100, completionsMax: 150 };
  const limits = { sendsMax: 528, receivesMax: 40, windowChangesMax: 64 };
  assert.deepEqual(queueDepths(limits, small), {
    sendDepth: 35,
    receiveDepth: 40,
    windowDepth: 64,
  });
  assert.throws(() => queueDepths({ ...limits, windowChangesMax: 99 }, small), /lower queue_depth/);
});

function event(type: number, status: number, bytes = 0): CmEvent {
  const privateData = new Uint8Array(bytes);
  const rest = { id: 1, listenId: 0, queuePairNumber: 0, responderResources: 0, initiatorDepth: 0 };
  return { type, name: "an event", status, privateData, ...rest };
}

Deno.test("verbs: only a program's own reject with data counts as one", () => {
  assert.ok(isConsumerReject(event(CM_EVENT.REJECTED, 28, 148)));
  assert.ok(!isConsumerReject(event(CM_EVENT.REJECTED, 28, 3)));
  assert.ok(!isConsumerReject(event(CM_EVENT.REJECTED, 8, 148)));
  assert.ok(!isConsumerReject(event(CM_EVENT.UNREACHABLE, 28, 148)));
});

Deno.test("verbs: why a connection could not be made, in words", () => {
  const cases: [CmEvent, number, RegExp][] = [
    [event(CM_EVENT.REJECTED, 8), 111, /nobody listens/],
    [event(CM_EVENT.REJECTED, 10), 104, /old connection/],
    [event(CM_EVENT.REJECTED, 5), 111, /reason 5/],
    [event(CM_EVENT.ADDR_ERROR, -19), 19, /no RDMA device/],
    [event(CM_EVENT.ROUTE_ERROR, 0), 113, /no route/],
    [event(CM_EVENT.UNREACHABLE, -110), 110, /not reachable/],
    [event(CM_EVENT.DEVICE_REMOVAL, 0), 19, /removed/],
    [event(CM_EVENT.MULTICAST_JOIN, 0), 71, /unexpected an event/],
  ];
  for (const [one, errno, words] of cases) {
    const failure = failureOfEvent(one, "ip:10.9.0.1 port 1234");
    assert.equal(failure.errno, errno);
    assert.match(failure.reason, words);
    assert.match(failure.reason, /^ip:10\.9\.0\.1 port 1234: /);
  }
});

Deno.test("verbs: every completion status has an errno and words", () => {
  for (const status of Object.values(WC_STATUS)) {
    if (status === WC_STATUS.SUCCESS) continue;
    const [errno, sentence] = meaningOfStatus(status, 0);
    assert.ok(errno > 0 && sentence.length > 10);
  }
  assert.match(meaningOfStatus(999, 7)[1], /status 999 \(vendor 7\)/);
});

Deno.test("verbs: a ticket survives the way to another thread; others are refused", () => {
  const fields = {
    ...{ id: 2 ** 46, queuePair: 2, queuePairNumber: 3, completionQueue: 4, channel: 5 },
    ...{ channelFd: 6, context: 7, memory: 2 ** 33, sendDepth: 9, receiveDepth: 10 },
    windowDepth: 11,
  };
  const ends = { localAddress: "ip:a", remoteAddress: "ip:b", hcaName: "rxe0", hcaPort: 1 };
  const ticket = makeTicket(ends, fields);
  assert.deepEqual(readTicket(JSON.parse(JSON.stringify(ticket))), fields);
  assert.throws(() => readTicket({ ...ticket, carrier: "iwarp" }), TypeError);
  assert.throws(() => readTicket({ ...ticket, details: { fd: 1 } }), TypeError);
});
