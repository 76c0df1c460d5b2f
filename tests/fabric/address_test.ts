/** Addresses as users write them, and socket addresses as the kernel has them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AddressError,
  formatAddress,
  formatPath,
  parseAddress,
  parsePath,
} from "../../src/fabric/address.ts";
import { formatIp, isLoopback, parseIpv4, parseIpv6 } from "../../src/fabric/ip_address.ts";
import {
  AF_IB,
  AF_INET,
  AF_INET6,
  decodeSockaddr,
  encodeSockaddr,
  encodeSockaddrIb,
  familyOf,
  familyOfSockaddr,
} from "../../src/fabric/sockaddr.ts";

Deno.test("parseAddress(): every form, made canonical", () => {
  const cases: [string, string][] = [
    ["tcp:192.0.2.1", "tcp:192.0.2.1"],
    ["ip:0.0.0.0", "ip:0.0.0.0"],
    ["tcp:::", "tcp:::"],
    ["tcp:::1", "tcp:::1"],
    ["tcp:[::1]", "tcp:::1"],
    ["ip:2001:DB8:0:0:1:0:0:1", "ip:2001:db8::1:0:0:1"],
    ["ip:[2001:db8:0:1:1:1:1:1]", "ip:2001:db8:0:1:1:1:1:1"],
    ["tcp:::ffff:192.0.2.1", "tcp:::ffff:192.0.2.1"],
    ["gid:fe80::1", "gid:fe80:0000:0000:0000:0000:0000:0000:0001"],
  ];
  for (const [text, canonical] of cases) {
    assert.equal(formatAddress(parseAddress(text)), canonical);
    assert.deepEqual(parseAddress(canonical), parseAddress(text));
  }
});

Deno.test("parseAddress() names the bad part", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["192.0.2.1", "192.0.2.1"],
    ["udp:192.0.2.1", "udp:192.0.2.1"],
    ["tcp:", ""],
    ["tcp:192.0.2", "192.0.2"],
    ["tcp:192.0.2.256", "192.0.2.256"],
    ["tcp:192.0.2.01", "192.0.2.01"],
    ["tcp:192.0.2.1:1234", "192.0.2.1:1234"],
    ["tcp:[192.0.2.1]", "[192.0.2.1]"],
    ["tcp:[::1", "[::1"],
    ["tcp:1:2:3:4:5:6:7", "1:2:3:4:5:6:7"],
    ["tcp:1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"],
    ["tcp:1::2::3", "1::2::3"],
    ["tcp:1:2:3:4::5:6:7:8", "1:2:3:4::5:6:7:8"],
    ["tcp:fe80::1%eth0", "fe80::1%eth0"],
    ["tcp:store-1.example", "store-1.example"],
    ["gid:192.0.2.1", "192.0.2.1"],
    ["ip: 192.0.2.1", " 192.0.2.1"],
  ];
  for (const [text, part] of cases) {
    assert.throws(() => parseAddress(text), (error) => {
      assert.ok(error instanceof AddressError);
      assert.deepEqual([error.text, error.part], [text, part]);
      assert.ok(error.message.startsWith(`"${text}": `));
      return true;
    });
  }
});

Deno.test("parsePath(): a destination, src,dst and src@dst", () => {
  assert.deepEqual(parsePath("tcp:::1"), {
    source: undefined,
    destination: { kind: "tcp", host: "::1" },
  });
  for (const text of ["ip:192.0.2.1,ip:192.0.2.2", "ip:192.0.2.1@ip:192.0.2.2"]) {
    assert.equal(formatPath(parsePath(text)), "ip:192.0.2.1,ip:192.0.2.2");
  }
  assert.equal(formatPath(parsePath("tcp:[::1]")), "tcp:::1");
  const wrong: [string, RegExp][] = [
    ["tcp:192.0.2.1,ip:192.0.2.2", /"tcp:192\.0\.2\.1" is wrong, expected a ip: address/],
    ["tcp:192.0.2.1,tcp:::1", /same family/],
    ["tcp:::1,tcp:::2,tcp:::3", /at most two addresses/],
    [",tcp:::1", /expected a prefix/],
    ["tcp:::1,", /expected a prefix/],
  ];
  for (const [text, message] of wrong) assert.throws(() => parsePath(text), message);
});

Deno.test("parsePath() takes any text: an address or an AddressError", () => {
  const piece = fc.constantFrom("tcp:", "ip:", "gid:", "::", "1", ".", ",", "@", "[", "]", "fe80");
  const text = fc.oneof(fc.string(), fc.array(piece, { maxLength: 12 }).map((all) => all.join("")));
  fc.assert(fc.property(text, (one) => {
    try {
      const path = parsePath(one);
      assert.deepEqual(parsePath(formatPath(path)), path);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
    }
  }));
});

Deno.test("IP addresses: bytes to text and back", () => {
  const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 });
  fc.assert(fc.property(sparse, (values) => {
    const bytes = Uint8Array.from(values);
    assert.deepEqual(parseIpv6(formatIp(bytes)), bytes);
    assert.deepEqual(parseIpv4(formatIp(bytes.slice(0, 4))), bytes.slice(0, 4));
  }));
  const loopback = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"];
  const others = ["128.0.0.1", "0.0.0.0", "::", "::2", "1::1", "::ffff:10.0.0.1"];
  const look = (text: string) => isLoopback(parseIpv4(text) ?? parseIpv6(text)!);
  assert.ok(loopback.every(look));
  assert.ok(!others.some(look));
});

Deno.test("sockaddr: bytes as in C, and back", () => {
  assert.deepEqual(
    encodeSockaddr("192.0.2.1", 1234),
    Uint8Array.from([2, 0, 0x04, 0xd2, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
  );
  const ipv6 = encodeSockaddr("::1", 0x1234);
  const wanted = new Uint8Array(28);
  wanted.set([10, 0, 0x12, 0x34]);
  wanted[23] = 1;
  assert.deepEqual(ipv6, wanted);
  assert.deepEqual(decodeSockaddr(ipv6), { host: "::1", port: 0x1234 });
  assert.deepEqual(decodeSockaddr(encodeSockaddr("::ffff:192.0.2.1", 80)), {
    host: "192.0.2.1",
    port: 80,
  });
  assert.deepEqual([familyOf("192.0.2.1"), familyOf("::")], [AF_INET, AF_INET6]);
  assert.throws(() => encodeSockaddr("localhost", 1), /"localhost" is no IPv4 or IPv6 address/);
  assert.throws(() => encodeSockaddr("::1", 65_536), /Port 65536/);
});

Deno.test("sockaddr_ib: bytes as in C, and back", () => {
  const bytes = encodeSockaddrIb("fe80::5054:ff:fe12:3456", 1234);
  const wanted = new Uint8Array(48);
  wanted.set([27, 0, 0xff, 0xff]);
  wanted.set([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x50, 0x54, 0, 0xff, 0xfe, 0x12, 0x34, 0x56], 8);
  wanted.set([0, 0, 0, 0, 0x01, 0x3f, 0x04, 0xd2], 24);
  wanted.fill(0xff, 32, 40);
  assert.deepEqual(bytes, wanted);
  assert.equal(familyOfSockaddr(bytes), AF_IB);
  const storage = new Uint8Array(128);
  storage.set(bytes);
  assert.deepEqual(decodeSockaddr(storage), {
    host: "fe80:0000:0000:0000:5054:00ff:fe12:3456",
    port: 1234,
  });
  assert.throws(() => encodeSockaddrIb("192.0.2.1", 1), /"192.0.2.1" is no GID/);
  assert.throws(() => encodeSockaddrIb("fe80::1", -1), /Port -1/);
});

Deno.test("decodeSockaddr() takes any bytes: fields or a RangeError", () => {
  const family = fc.constantFrom(0, AF_INET, AF_INET6, AF_IB, 1);
  fc.assert(fc.property(family, fc.uint8Array({ maxLength: 60 }), (first, bytes) => {
    if (bytes.length > 1) bytes.set([first, 0]);
    try {
      const { port } = decodeSockaddr(bytes);
      assert.ok(port >= 0 && port <= 65_535);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }));
});
