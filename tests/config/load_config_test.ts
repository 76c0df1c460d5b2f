import assert from "node:assert/strict";
import { defaultRuntimeDir } from "../../src/appliance/config/environment.ts";
import { loadConfig, parseConfig } from "../../src/appliance/config/load_config.ts";
import { ConfigError } from "../../src/appliance/config/problems.ts";

const ENVIRONMENT = { hostName: "host", uid: 1000, xdgRuntimeDir: undefined, cores: 8 };
const EXAMPLES = new URL("../../config/", import.meta.url);

Deno.test("an empty file gives the defaults of [node] and [control]", () => {
  assert.deepEqual(parseConfig("", null, ENVIRONMENT), {
    file: null,
    files: [],
    node: {
      name: "host",
      runtimeDir: "/tmp/rnbd-appliance-1000",
      devDir: "/dev/rnbd",
      reactors: 4,
      spinUs: 50,
      memoryLimitBytes: 64 * 2 ** 30,
      reconcileIntervalMs: 10_000,
      watchConfig: false,
      logLevel: "info",
      logFormat: "auto",
    },
    control: {
      socketMode: 0o600,
      socketGroup: undefined,
      readOnlySocket: false,
      readOnlySocketMode: 0o660,
      http: undefined,
    },
    server: undefined,
    sessions: [],
    mappings: [],
  });
});

Deno.test("the runtime folder depends on who asks", () => {
  const root = { ...ENVIRONMENT, uid: 0, xdgRuntimeDir: "/run/user/0" };
  assert.equal(defaultRuntimeDir(root), "/run/rnbd-appliance");
  const user = { ...ENVIRONMENT, xdgRuntimeDir: "/run/user/1000" };
  assert.equal(defaultRuntimeDir(user), "/run/user/1000/rnbd-appliance");
  const relative = { ...ENVIRONMENT, xdgRuntimeDir: "run" };
  assert.equal(defaultRuntimeDir(relative), "/tmp/rnbd-appliance-1000");
});

Deno.test("server, session and mapping have the documented defaults", () => {
  const config = parseConfig(
    `[server]
listen = ["tcp:127.0.0.1"]
dev_search_path = "/srv/%SESSNAME%"
[[server.export]]
device_path = "vm-*"
[[session]]
sessname = "s"
paths = ["tcp:10.0.0.1,tcp:10.0.0.2"]
[[mapping]]
sessname = "s"
device_path = "/dev/sdb"`,
    "rnbd.toml",
    ENVIRONMENT,
  );
  assert.equal(config.file, "rnbd.toml");
  assert.deepEqual(config.server, {
    listen: ["tcp:127.0.0.1"],
    port: 1234,
    devSearchPath: "/srv/%SESSNAME%",
    ioMode: "fileio",
    queueDepth: 512,
    maxIoBytes: 131_072,
    heartbeatIntervalMs: 5000,
    heartbeatMissedMax: 5,
    crc: "auto",
    alwaysInvalidate: false,
    exports: [{
      devicePath: "vm-*",
      sessname: "*",
      accessMode: "rw",
      backend: "path",
      sizeBytes: 0,
      logicalBlockBytes: 512,
      ioMode: undefined,
    }],
  });
  assert.deepEqual(config.sessions, [{
    sessname: "s",
    paths: ["tcp:10.0.0.1,tcp:10.0.0.2"],
    destPort: 1234,
    mpathPolicy: "min-inflight",
    maxReconnectAttempts: -1,
    reconnectDelayMs: 500,
    reconnectDelayMaxMs: 30_000,
    heartbeatIntervalMs: 5000,
    heartbeatMissedMax: 5,
    connectTimeoutMs: 30_000,
    crc: "auto",
  }]);
  assert.deepEqual(config.mappings, [{
    name: "!dev!sdb",
    sessname: "s",
    devicePath: "/dev/sdb",
    accessMode: "rw",
    expose: "auto",
    onRemove: "wait",
  }]);
});

Deno.test("values at the edges are accepted", () => {
  const server = (lines: string) =>
    parseConfig(
      `[server]\nlisten = ["tcp:::1"]\ndev_search_path = "/"\n${lines}`,
      null,
      ENVIRONMENT,
    ).server!;
  assert.equal(server("queue_depth = 1024").queueDepth, 1024);
  assert.equal(server("queue_depth = 128\nmax_io_size = '1MiB'").maxIoBytes, 2 ** 20);
  assert.equal(server("queue_depth = 2\nmax_io_size = 67108864").maxIoBytes, 2 ** 26);
  assert.equal(server("queue_depth = 32768\nmax_io_size = '4096'").queueDepth, 32_768);
  const mapped = (name: string, runtimeDir: string) =>
    parseConfig(
      `[node]\nruntime_dir = "${runtimeDir}"\n[[session]]\nsessname = "s"\n` +
        `paths = ["tcp:::1"]\n[[mapping]]\nsessname = "s"\ndevice_path = "d"\nname = "${name}"`,
      null,
      ENVIRONMENT,
    ).mappings[0]!.name;
  const fitting = "n".repeat(107 - "/run/x/nbd/.sock".length);
  assert.equal(mapped(fitting, "/run/x"), fitting);
  assert.throws(() => mapped(fitting + "n", "/run/x"), ConfigError);
});

Deno.test("the control sockets and the HTTP interface are as the file says", () => {
  const control = (lines: string) => parseConfig(`[control]\n${lines}`, null, ENVIRONMENT).control;
  const all = 'socket_mode = "660"\nsocket_group = "disk"\nread_only_socket = true\n' +
    'read_only_socket_mode = "0666"\nhttp = "[::1]:80"\n';
  assert.deepEqual(control(all), {
    socketMode: 0o660,
    socketGroup: "disk",
    readOnlySocket: true,
    readOnlySocketMode: 0o666,
    http: "[::1]:80",
  });
  const server = '[server]\nlisten = ["ip:0.0.0.0", "tcp:192.0.2.1"]\ndev_search_path = "/srv"\n';
  const shared = (http: string) =>
    parseConfig(`${server}[control]\nhttp = "${http}"`, null, ENVIRONMENT).control.http;
  // Another address, another port, and RDMA, whose ports are its own.
  for (const http of [":1234", "[::]:1234", "192.0.2.1:1235"]) assert.equal(shared(http), http);
  assert.throws(() => shared("0.0.0.0:1234"), ConfigError);
});

Deno.test("RDMA and the built-in carrier can be listened on side by side, also everywhere", () => {
  const listen = (addresses: readonly string[], lines = "") => {
    const text = `[server]\nlisten = ${JSON.stringify(addresses)}\ndev_search_path = "/srv"\n`;
    return parseConfig(text + lines, null, ENVIRONMENT).server!;
  };
  const everywhere = ["ip:0.0.0.0", "ip:[::]", "tcp:0.0.0.0", "gid:fe80::1"];
  assert.deepEqual(listen(everywhere).listen, everywhere);
  assert.equal(listen(everywhere, "always_invalidate = true").alwaysInvalidate, true);
  assert.equal(listen(["gid:fe80::1"], "always_invalidate = true").alwaysInvalidate, true);
  assert.equal(listen(["tcp:::1"], "always_invalidate = false").alwaysInvalidate, false);
});

Deno.test("a path may say where it starts, on either carrier; ublk can be asked for", () => {
  for (
    const path of [
      "ip:10.0.0.1",
      "ip:10.0.0.1,ip:10.0.0.2",
      "ip:fd00::1@ip:[fd00::2]",
      "gid:fe80::1,gid:fe80::2",
      "tcp:10.0.0.1,tcp:10.0.0.2",
    ]
  ) {
    const config = parseConfig(
      `[[session]]\nsessname = "s"\npaths = ["${path}"]\n` +
        '[[mapping]]\nsessname = "s"\ndevice_path = "d"\nexpose = "ublk"\n',
      null,
      ENVIRONMENT,
    );
    assert.deepEqual(config.sessions[0]!.paths, [path]);
    assert.equal(config.mappings[0]!.expose, "ublk");
  }
});

Deno.test("the same device of two sessions, and two devices of one, can be mapped", () => {
  const session = (name: string) => `[[session]]\nsessname = "${name}"\npaths = ["tcp:::1"]\n`;
  const mapping = (name: string, sessname: string, device: string) =>
    `[[mapping]]\nname = "${name}"\nsessname = "${sessname}"\ndevice_path = "${device}"\n`;
  const text = session("a") + session("b") + mapping("1", "a", "d") + mapping("2", "b", "d") +
    mapping("3", "a", "e");
  assert.equal(parseConfig(text, null, ENVIRONMENT).mappings.length, 3);
});

for (const { name } of Deno.readDirSync(EXAMPLES)) {
  Deno.test(`the example config/${name} has no errors`, () => {
    loadConfig(new URL(name, EXAMPLES).pathname);
  });
}

Deno.test("a byte order mark and Windows line ends are accepted, positions stay right", () => {
  const text = "\ufeff[node]\r\nname = 'x'\r\nreactors = 0\r\n";
  assert.throws(
    () => parseConfig(text, "f", ENVIRONMENT),
    { message: "f:3:12: node.reactors: 0 is out of range; use a whole number from 1 to 64" },
  );
});
