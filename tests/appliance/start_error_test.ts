/** An appliance that cannot start says what is missing, what to do, and ends with 69. */
import assert from "node:assert/strict";
import { ERRNO, SystemError } from "../../src/ffi/errno.ts";
import { MissingLibraryError } from "../../src/ffi/optional_library.ts";
import { startAppliance } from "../../src/appliance/appliance.ts";
import { ApplianceError } from "../../src/appliance/appliance_api.ts";
import { parseConfig } from "../../src/appliance/config/load_config.ts";
import { explainStart } from "../../src/appliance/start_error.ts";
import { capture } from "../cli/capture.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** `[what a layer below throws, errno, words]` */
const LACKS: readonly [Error, string, RegExp][] = [
  [
    new SystemError(ERRNO.EADDRINUSE, "bind", "tcp:127.0.0.1 port 1234"),
    "EADDRINUSE",
    /^bind of tcp:127\.0\.0\.1 port 1234 failed: .*; free the address, or change \[server\]/,
  ],
  [
    new SystemError(ERRNO.EADDRNOTAVAIL, "rdma_bind_addr", "ip:192.0.2.1 port 1234"),
    "EADDRNOTAVAIL",
    /^rdma_bind_addr of ip:192\.0\.2\.1 .*; give an address .* for ip: and gid: of an RDMA device$/,
  ],
  [
    new SystemError(ERRNO.ENODEV, "rdma_create_event_channel", "/dev/infiniband/rdma_cm"),
    "ENODEV",
    /; rnbd-appliance doctor says what this machine lacks$/,
  ],
  [
    new SystemError(ERRNO.EACCES, "open", "/dev/infiniband/uverbs0"),
    "EACCES",
    /uverbs0 failed: EACCES.*; run as root/,
  ],
  [
    new MissingLibraryError("libibverbs.so.1", "libibverbs1", new Error("no such file")),
    "EOPNOTSUPP",
    /^libibverbs\.so\.1 cannot be loaded: .*apt-get install libibverbs1.*rnbd-appliance doctor/,
  ],
  [
    new Error("io_uring_setup failed: EPERM: io_uring is forbidden here"),
    "EOPNOTSUPP",
    /^io_uring_setup failed: EPERM: io_uring is forbidden here; rnbd-appliance doctor/,
  ],
];

for (const [lack, errno, words] of LACKS) {
  Deno.test(`a start that fails with "${lack.message.slice(0, 50)}" is explained`, async () => {
    await using directory = await temporaryDirectory();
    const file = `${directory.path}/c.toml`;
    Deno.writeTextFileSync(file, `[node]\nruntime_dir = "${directory.path}/run"\n`);
    const explained = explainStart(lack);
    assert.ok(explained instanceof ApplianceError);
    assert.equal(explained.errnoName, errno);
    assert.match(explained.message, words);
    const { code, err } = await capture(["--config", file], {
      startAppliance: () => Promise.reject(explained),
    });
    assert.deepEqual([code, err], [69, `rnbd-appliance: ${explained.message}\n`]);
  });
}

Deno.test("bugs and refusals stay what they are", () => {
  for (
    const error of [new TypeError("x"), new RangeError("y"), new ApplianceError("z", "EIO", 1)]
  ) {
    assert.equal(explainStart(error), error);
  }
});

Deno.test("an address that is no address of this machine is told at the start", async () => {
  const config = parseConfig(
    '[node]\nreactors = 1\nmemory_limit = "256MiB"\n' +
      '[server]\nlisten = ["tcp:192.0.2.77"]\ndev_search_path = "/nowhere"\n',
    null,
  );
  await assert.rejects(startAppliance(config), (error) => {
    assert.ok(error instanceof ApplianceError);
    assert.deepEqual([error.errnoName, error.exitCode], ["EADDRNOTAVAIL", 69]);
    assert.match(error.message, /192\.0\.2\.77.*give an address of this machine/);
    return true;
  });
});
