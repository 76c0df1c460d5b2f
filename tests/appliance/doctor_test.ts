/** What the doctor says of machines that it is told of, and of this one. */
import assert from "node:assert/strict";
import { examine } from "../../src/appliance/doctor/doctor.ts";
import type { Finding } from "../../src/appliance/doctor/finding.ts";
import { thisMachine } from "../../src/appliance/doctor/this_machine.ts";
import { capture } from "../cli/capture.ts";
import { fakeMachine, limitsText, type MachineParts, portFiles } from "./fake_machine.ts";
import { ROOT_STATUS, USER_STATUS } from "./fake_machine.ts";

const GOLDEN = new URL("./doctor_golden/", import.meta.url);
const EMPTY_GID = "0000:0000:0000:0000:0000:0000:0000:0000";
const ALL_FEATURES = 0x7ff;

/** An unprivileged process in a container of a current kernel. */
const BARE_CONTAINER: MachineParts = {
  kernel: "6.12.48+deb13-cloud-amd64",
  files: {
    "/proc/self/status": USER_STATUS,
    "/proc/self/limits": limitsText("8388608", "1024"),
    "/proc/sys/kernel/io_uring_disabled": "0\n",
    "/proc/sys/vm/overcommit_memory": "0\n",
  },
  libraries: ["libc.so.6"],
};

/** Root on a machine with one card, soft-RoCE beside it and everything installed. */
const RDMA_NODE: MachineParts = {
  kernel: "6.12.48+deb13-amd64",
  files: {
    "/proc/self/status": ROOT_STATUS,
    "/proc/self/limits": limitsText("unlimited", "524288"),
    "/proc/sys/kernel/io_uring_disabled": "0\n",
    "/lib/modules/6.12.48+deb13-amd64/modules.dep":
      "kernel/drivers/block/rnbd/rnbd-client.ko.xz: kernel/x.ko.xz\n" +
      "kernel/drivers/block/nbd.ko.xz:\n",
    "/etc/libibverbs.d/mlx5.driver": "driver mlx5\n",
    "/etc/libibverbs.d/rxe.driver": "driver rxe\n",
    "/sys/module/rdma_rxe/refcnt": "1\n",
    "/sys/module/rnbd_server/parameters/port_nr": "1234\n",
    "/sys/module/ublk_drv/parameters/ublks_max": "64\n",
    ...portFiles("mlx5_0", {
      state: "4: ACTIVE",
      linkLayer: "InfiniBand",
      gids: ["fe80:0000:0000:0000:0002:c903:0000:0001", EMPTY_GID],
      netdev: "ib0",
    }),
    ...portFiles("rxe0", {
      state: "4: ACTIVE",
      linkLayer: "Ethernet",
      gids: [
        "fe80:0000:0000:0000:5054:00ff:fe12:3456",
        "0000:0000:0000:0000:0000:ffff:c000:0201",
        "0000:0000:0000:0000:0000:ffff:c000:0201",
        EMPTY_GID,
      ],
      netdev: "eth0",
    }),
    ...portFiles("rxe1", {
      state: "1: DOWN",
      linkLayer: "Ethernet",
      gids: ["fe80:0000:0000:0000:5054:00ff:fe12:3457"],
      netdev: "eth1",
    }),
  },
  nodes: {
    "/dev/infiniband/rdma_cm": null,
    "/dev/infiniband/uverbs0": null,
    "/dev/infiniband/uverbs1": null,
    "/dev/infiniband/uverbs2": null,
    "/dev/ublk-control": null,
  },
  libraries: ["libc.so.6", "liburing.so.2", "libibverbs.so.1", "librdmacm.so.1"],
  commands: ["nbdinfo", "nbdcopy", "qemu-img", "nbd-client"],
  ublkFeatures: ALL_FEATURES & ~(1 << 10),
};

/** Root on a kernel of years ago, with a card whose modules are not loaded. */
const OLD_KERNEL: MachineParts = {
  kernel: "5.10.0-32-arm64",
  arch: "aarch64",
  files: {
    "/proc/self/status": ROOT_STATUS,
    "/proc/self/limits": limitsText("65536", "4096"),
    "/proc/sys/vm/overcommit_memory": "2\n",
    "/lib/modules/5.10.0-32-arm64/modules.builtin": "kernel/drivers/block/nbd.ko\n",
    "/lib/modules/5.10.0-32-arm64/modules.dep":
      "kernel/drivers/infiniband/core/rdma_ucm.ko: kernel/drivers/infiniband/core/ib_uverbs.ko\n" +
      "kernel/drivers/infiniband/core/ib_uverbs.ko:\nkernel/drivers/infiniband/sw/rxe/rdma_rxe.ko:\n",
    "/etc/libibverbs.d/mlx4.driver": "driver mlx4\n",
    ...portFiles("mlx4_0", {
      state: "2: INIT",
      linkLayer: "InfiniBand",
      gids: ["fe80:0000:0000:0000:0002:c903:0000:0001"],
      netdev: "",
    }),
  },
  libraries: ["libc.so.6", "libibverbs.so.1", "librdmacm.so.1"],
  commands: ["nbd-client"],
  ringFailure: "io_uring_setup failed: EINVAL (Invalid argument): this kernel is too old; " +
    "Linux 6.1 or newer is needed",
  reservableBytes: 2 ** 30,
};

async function doctor(parts: MachineParts, ...words: string[]) {
  return await capture(["doctor", ...words], {
    machine: () => Promise.resolve(fakeMachine(parts)),
  });
}

const MACHINES: readonly [string, MachineParts, number][] = [
  ["bare_container", BARE_CONTAINER, 0],
  ["rdma_node", RDMA_NODE, 0],
  ["old_kernel", OLD_KERNEL, 69],
];

for (const [name, parts, exitCode] of MACHINES) {
  Deno.test(`the doctor's report of a machine: ${name}`, async () => {
    const { code, out, err } = await doctor(parts);
    assert.deepEqual([code, err], [exitCode, ""]);
    const file = new URL(`${name}.txt`, GOLDEN);
    if (Deno.env.get("SNAP_UPDATE") === "1") Deno.writeTextFileSync(file, out);
    else assert.equal(out, Deno.readTextFileSync(file), "SNAP_UPDATE=1 rewrites it");
  });
}

/** Parts of the RDMA node with other ones. */
function changed(changes: Partial<MachineParts>, without: readonly string[] = []): MachineParts {
  const keep = (all: Readonly<Record<string, never>>) =>
    Object.fromEntries(Object.entries(all).filter(([path]) => !without.includes(path)));
  const merged = (name: "files" | "nodes") =>
    keep({ ...RDMA_NODE[name], ...changes[name] } as Record<string, never>);
  return { ...RDMA_NODE, ...changes, files: merged("files"), nodes: merged("nodes") };
}

async function finding(parts: MachineParts, area: string, what: string): Promise<Finding> {
  const { findings } = await examine(fakeMachine(parts));
  const found = findings.find((one) => one.area === area && one.what === what);
  assert.ok(found, `${area} ${what} in ${JSON.stringify(findings)}`);
  return found;
}

/** `[change, area, what, state, words in found or advice, ways that it takes away]` */
const FAULTS: readonly [MachineParts, string, string, string, RegExp, string[]][] = [
  [
    changed({ libraries: ["libc.so.6", "librdmacm.so.1"] }),
    "RDMA",
    "libibverbs",
    "missing",
    /apt-get install libibverbs1/,
    ["rdma"],
  ],
  [changed({ libraries: ["libc.so.6"] }), "io_uring", "setup", "ok", /by system calls/, ["rdma"]],
  [
    changed({ libraries: [] }),
    "base",
    "runtime",
    "missing",
    /GNU C library/,
    ["tcp", "rdma", "nbd", "ublk"],
  ],
  [
    changed({}, ["/etc/libibverbs.d/mlx5.driver", "/etc/libibverbs.d/rxe.driver"]),
    "RDMA",
    "providers",
    "missing",
    /ibverbs-providers/,
    ["rdma"],
  ],
  [
    changed({ nodes: { "/dev/infiniband/rdma_cm": "EACCES" } }),
    "RDMA",
    "connections",
    "missing",
    /cannot be opened: EACCES.*run as root/,
    ["rdma"],
  ],
  [
    changed({ files: { "/sys/module/rdma_ucm/refcnt": "1" } }, ["/dev/infiniband/rdma_cm"]),
    "RDMA",
    "connections",
    "missing",
    /rdma_ucm is loaded, its node is not here \(a container\?\)/,
    ["rdma"],
  ],
  [
    changed({}, ["/dev/infiniband/rdma_cm"]),
    "RDMA",
    "connections",
    "missing",
    /built without the module rdma_ucm.*linux-image-amd64, not its cloud/,
    ["rdma"],
  ],
  [
    changed({}, ["uverbs0", "uverbs1", "uverbs2"].map((name) => `/dev/infiniband/${name}`)),
    "RDMA",
    "verbs",
    "missing",
    /no \/dev\/infiniband\/uverbs0/,
    ["rdma"],
  ],
  [
    changed({ nodes: { "/dev/ublk-control": "EPERM" } }),
    "ublk",
    "driver",
    "missing",
    /EPERM.*security profile/,
    ["ublk"],
  ],
  [
    changed({
      nodes: { "/dev/ublk-control": "EACCES" },
      files: { "/proc/self/status": USER_STATUS },
    }),
    "ublk",
    "driver",
    "missing",
    /are for root \(CAP_SYS_ADMIN\)/,
    ["ublk"],
  ],
  [
    changed({ ublkFeatures: "The driver is too old; Linux 6.5 or newer is needed" }),
    "ublk",
    "features",
    "missing",
    /^The driver is too old Linux 6.5/,
    ["ublk"],
  ],
  [changed({ ublkFeatures: ALL_FEATURES }), "ublk", "features", "ok", /UPDATE_SIZE/, []],
  [changed({ kernel: "6.18.4-arch1-1" }), "ublk", "driver", "warning", /ADD_DEV can crash/, []],
  [changed({ kernel: "6.18.44" }), "ublk", "driver", "ok", /is there/, []],
  [changed({ kernel: "6.17.0-40-generic" }), "ublk", "driver", "warning", /Ubuntu/, []],
  [
    changed({ files: { "/proc/sys/kernel/io_uring_disabled": "2\n" } }),
    "io_uring",
    "sysctl",
    "warning",
    /for nobody.*io_uring_disabled=0/,
    [],
  ],
  [
    changed({ reservableBytes: 0 }),
    "limits",
    "address space",
    "missing",
    /ulimit -v unlimited/,
    ["tcp", "rdma", "nbd", "ublk"],
  ],
  [
    changed({
      files: { "/proc/self/status": USER_STATUS, "/proc/self/limits": limitsText("65536", "9") },
    }),
    "limits",
    "MEMLOCK",
    "warning",
    /^64 KiB RDMA needs 66 MiB .*LimitMEMLOCK=infinity/,
    [],
  ],
  [changed({ arch: "riscv64" }), "base", "kernel", "warning", /x86_64 or aarch64/, []],
  [changed({ commands: [] }), "NBD", "clients", "warning", /apt-get install libnbd-bin/, []],
];

for (const [parts, area, what, state, words, lost] of FAULTS) {
  Deno.test(`the doctor sees: ${area} ${what} ${state}, ${words.source.slice(0, 40)}`, async () => {
    const found = await finding(parts, area, what);
    assert.equal(found.state, state);
    assert.match(`${found.found} ${found.advice ?? ""}`.trim(), words);
    const { ways } = await examine(fakeMachine(parts));
    const without = Object.entries(ways).filter(([, works]) => !works).map(([way]) => way);
    assert.deepEqual(without, lost);
  });
}

Deno.test("ports that are down, or have no address, do not make RDMA work", async () => {
  const dead = Object.keys(RDMA_NODE.files!).filter((path) => path.includes("/infiniband/"));
  const only = (state: string, gids: readonly string[]) =>
    changed({
      files: portFiles("irdma0", { state, linkLayer: "Ethernet", gids, netdev: "eth0" }),
    }, dead);
  const address = "0000:0000:0000:0000:0000:ffff:c000:0201";
  const rdma = async (parts: MachineParts) => (await examine(fakeMachine(parts))).ways.rdma;
  assert.equal(await rdma(only("4: ACTIVE", [address])), true);
  assert.equal(await rdma(only("1: DOWN", [address])), false);
  assert.equal(await rdma(only("4: ACTIVE", [EMPTY_GID])), false);
  assert.equal(await rdma(changed({}, dead)), false, "no device at all");
  const port = await finding(only("4: ACTIVE", [EMPTY_GID]), "RDMA", "irdma0 port 1");
  assert.match(port.advice!, /taken away and added again/);
});

Deno.test("doctor -o json has the ways and everything that was found", async () => {
  const { code, out } = await doctor(RDMA_NODE, "-o", "json");
  assert.equal(code, 0);
  const examination = JSON.parse(out);
  assert.deepEqual(examination.ways, { tcp: true, rdma: true, nbd: true, ublk: true });
  const names = ["area", "what", "state", "found", "advice", "needed_for"];
  for (const one of examination.findings) {
    assert.deepEqual(Object.keys(one), names);
    assert.match(one.state, /^(ok|warning|missing)$/);
    assert.equal(one.advice === null, one.state === "ok", JSON.stringify(one));
    assert.ok(one.needed_for.length === 0 || one.state === "missing");
  }
});

Deno.test("the doctor examines this machine: the tests run, so io_uring and NBD work", async () => {
  const { ways, findings } = await examine(thisMachine);
  assert.deepEqual([ways.tcp, ways.nbd], [true, true], JSON.stringify(findings));
  const kernel = findings.find(({ what }) => what === "kernel")!;
  assert.ok(kernel.found.includes(Deno.osRelease()));
});
