/** Exports that change while clients have things open: who may open what, which disks live on. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ExportConfig } from "../../src/appliance/config/config.ts";
import { findRule, matchesPattern } from "../../src/appliance/server/export_rules.ts";
import { ExportTable } from "../../src/appliance/server/export_table.ts";
import { type MadeDisk, MadeDisks } from "../../src/appliance/server/made_disks.ts";
import { RefusalList } from "../../src/appliance/server/refusal_list.ts";
import { ERRNO } from "../../src/ffi/errno.ts";
import { findServerPath } from "../../src/appliance/server/find_server_path.ts";
import { ArenaAllocator, plainArena, reserveArena } from "../../src/ring/arena.ts";
import { ControlLoop } from "../../src/ring/control_loop.ts";
import type { OpenOutcome } from "../../src/rnbd/server/server.ts";
import { temporaryDirectory, writeSparseFile } from "../support/temporary.ts";

const MIB = 2 ** 20;

const PATH_RULE: ExportConfig = {
  devicePath: "*",
  sessname: "*",
  accessMode: "rw",
  backend: "path",
  sizeBytes: 0,
  logicalBlockBytes: 512,
  ioMode: undefined,
};
const MEMORY_RULE: ExportConfig = {
  ...PATH_RULE,
  devicePath: "mem",
  backend: "memory",
  sizeBytes: MIB,
};

/** Disks over plain memory. */
class DiskRig {
  readonly memory = new ArenaAllocator(plainArena(16 * MIB));
  readonly disks = new MadeDisks(this.memory);
}

function placeOf({ ticket }: MadeDisk): number {
  assert.ok(ticket.kind === "memory");
  return ticket.at;
}

type Opened = Extract<OpenOutcome, { readonly device: string }>;

function refusal(
  rules: readonly ExportConfig[],
  sessname: string,
  path: string,
  mode: "ro" | "rw",
) {
  const found = findRule(rules, sessname, path, mode);
  return found !== undefined && "errno" in found ? found.errno : 0;
}

Deno.test("patterns: only the star is special, and names are compared without slashes in front", () => {
  assert.ok(matchesPattern("vm-*", "vm-1\n2"));
  assert.ok(!matchesPattern("vm.1", "vm-1"));
  const rules = [{ ...PATH_RULE, devicePath: "/a/*", sessname: "store-*" }];
  assert.equal(refusal(rules, "store-1", "a//b", "rw"), 0);
  assert.equal(refusal(rules, "other", "a/b", "rw"), ERRNO.ENOENT);
  assert.equal(refusal([], "any", "thing", "rw"), 0, "without rules everything is allowed");
});

Deno.test("modes: ro is for readers, migration lets everything in, another rule may allow more", () => {
  const ro = { ...PATH_RULE, accessMode: "ro" } as const;
  assert.equal(refusal([ro], "s", "a", "ro"), 0);
  assert.equal(refusal([ro], "s", "a", "rw"), ERRNO.EPERM);
  assert.equal(refusal([ro, PATH_RULE], "s", "a", "rw"), 0);
  assert.equal(refusal([{ ...ro, accessMode: "migration" }], "s", "a", "rw"), 0);
});

Deno.test("a memory disk stays while its rule does, with its content, whatever else changes", () => {
  const { memory, disks } = new DiskRig();
  disks.setRules([MEMORY_RULE]);
  const disk = disks.of(MEMORY_RULE)!;
  memory.arena.u8[placeOf(disk)] = 7;
  disks.setRules([PATH_RULE, { ...MEMORY_RULE, accessMode: "ro" }]);
  assert.equal(disks.of(MEMORY_RULE), disk);
  assert.equal(memory.arena.u8[placeOf(disk)], 7);
});

Deno.test("a memory disk without a rule goes with its last user, and comes back empty", () => {
  const { memory, disks } = new DiskRig();
  disks.setRules([MEMORY_RULE]);
  const disk = disks.of(MEMORY_RULE)!;
  disks.hold(disk, "a");
  disks.hold(disk, "b");
  disks.setRules([]);
  assert.equal(memory.usedBytes, MIB);
  disks.letGo(disk);
  disks.setRules([MEMORY_RULE]);
  assert.equal(disks.of(MEMORY_RULE), disk, "it was still open: the rule has it back");
  disks.setRules([]);
  disks.letGo(disk);
  disks.setRules([MEMORY_RULE]);
  const next = disks.of(MEMORY_RULE)!;
  assert.notEqual(next, disk);
  assert.notEqual(next.ticket.identity, disk.ticket.identity, "not the same disk for sharing");
  assert.equal(memory.usedBytes, 2 * MIB, "answers may still be sent from the old one");
  disks.onSessionEnded("a");
  assert.equal(memory.usedBytes, 2 * MIB);
  disks.onSessionEnded("b");
  assert.equal(memory.usedBytes, MIB);
});

Deno.test("a disk of another size is another disk, while the old one is open still", () => {
  const { memory, disks } = new DiskRig();
  disks.setRules([MEMORY_RULE]);
  const small = disks.of(MEMORY_RULE)!;
  disks.hold(small, "a");
  const larger = { ...MEMORY_RULE, sizeBytes: 2 * MIB };
  disks.setRules([larger]);
  const large = disks.of(larger)!;
  assert.deepEqual([small.device, large.device], ["memory:mem", "memory:mem#2"]);
  assert.equal(memory.usedBytes, 3 * MIB);
});

Deno.test("memory disks that do not fit change nothing", () => {
  const memory = new ArenaAllocator(plainArena(4 * MIB));
  const disks = new MadeDisks(memory);
  disks.setRules([MEMORY_RULE]);
  const disk = disks.of(MEMORY_RULE);
  const more = [1, 2, 3, 4].map((n) => ({ ...MEMORY_RULE, devicePath: `${n}` }));
  assert.throws(() => disks.setRules(more), RangeError);
  assert.equal(memory.usedBytes, MIB);
  assert.equal(disks.of(MEMORY_RULE), disk);
  assert.equal(disks.of(more[0]!), undefined);
});

Deno.test("property: the bytes of a disk stay its own while it is open, or may still be sent", () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant("rules" as const), mask: fc.nat(7) }),
    fc.record({ kind: fc.constant("open" as const), rule: fc.nat(2), session: fc.nat(2) }),
    fc.record({ kind: fc.constant("close" as const), pick: fc.nat(20) }),
    fc.record({ kind: fc.constant("end" as const), session: fc.nat(2) }),
  );
  fc.assert(fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
    const { memory, disks } = new DiskRig();
    const rules = [1, 2, 3].map((n) => ({ ...MEMORY_RULE, devicePath: `${n}` }));
    const marks = new Map<MadeDisk, number>();
    let open: { disk: MadeDisk; session: number }[] = [];
    let mayBeSent: { disk: MadeDisk; session: number }[] = [];
    for (const step of actions) {
      if (step.kind === "rules") disks.setRules(rules.filter((_, i) => (step.mask >> i) % 2 === 1));
      if (step.kind === "open") {
        const disk = disks.of(rules[step.rule]!);
        if (disk === undefined) continue;
        disks.hold(disk, `${step.session}`);
        for (const list of [open, mayBeSent]) list.push({ disk, session: step.session });
        if (!marks.has(disk)) {
          assert.equal(memory.arena.u8[placeOf(disk)], 0, "a new disk is empty");
          marks.set(disk, marks.size + 1);
          memory.arena.u8[placeOf(disk)] = marks.size;
        }
      }
      if (step.kind === "close" && open.length > 0) {
        disks.letGo(open.splice(step.pick % open.length, 1)[0]!.disk);
      }
      if (step.kind === "end") {
        const isOthers = ({ session }: { session: number }) => session !== step.session;
        for (const { disk } of open.filter((one) => !isOthers(one))) disks.letGo(disk);
        open = open.filter(isOthers);
        mayBeSent = mayBeSent.filter(isOthers);
        disks.onSessionEnded(`${step.session}`);
      }
      for (const { disk } of mayBeSent) {
        assert.equal(memory.arena.u8[placeOf(disk)], marks.get(disk) ?? 0);
      }
    }
    for (const { disk } of open) disks.letGo(disk);
    disks.setRules([]);
    for (const session of ["0", "1", "2"]) disks.onSessionEnded(session);
    assert.equal(memory.usedBytes, 0);
  }));
});

/** A table with a real ring; opens are awaited. */
class TableRig implements AsyncDisposable {
  readonly memory = new ArenaAllocator(reserveArena(2 ** 30));
  readonly loop = new ControlLoop(this.memory);
  readonly table: ExportTable;

  constructor(devSearchPath: string, exports: readonly ExportConfig[]) {
    this.table = new ExportTable(this.loop, { devSearchPath, ioMode: "fileio", exports }, 2);
  }

  open(sessname: string, path: string, mode: "ro" | "rw" = "rw"): Promise<OpenOutcome> {
    return new Promise((resolve) => this.table.open(sessname, path, mode, resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.loop.close();
  }
}

Deno.test("what is open under a rule that is gone or stricter stays open, and is shown as such", async () => {
  await using directory = await temporaryDirectory();
  await writeSparseFile(`${directory.path}/disk`, MIB);
  await using rig = new TableRig(directory.path, [PATH_RULE, MEMORY_RULE]);
  const opened = await rig.open("store-1", "disk") as Opened;
  assert.equal(opened.tickets.length, 2);
  assert.deepEqual(rig.table.holdersOf(PATH_RULE), ["store-1 (disk, rw)"]);
  const stricter = { ...PATH_RULE, accessMode: "ro" } as const;
  rig.table.setRules([stricter]);
  assert.deepEqual(rig.table.rules, [stricter]);
  assert.deepEqual(rig.table.holdersOf(stricter), ["store-1 (disk, rw)"]);
  assert.equal(rig.table.allows("store-1", "disk", "rw"), false);
  assert.equal(rig.table.allows("store-1", "disk", "ro"), true);
  const refused = await rig.open("store-2", "disk");
  assert.ok("errno" in refused && refused.errno === ERRNO.EPERM);
  rig.table.setRules([MEMORY_RULE]);
  assert.deepEqual(rig.table.holdersOf(PATH_RULE), ["store-1 (disk, rw)"]);
  assert.deepEqual(rig.table.holdersOf(MEMORY_RULE), []);
  rig.table.close(opened.tickets);
  assert.deepEqual(rig.table.holdersOf(PATH_RULE), []);
});

Deno.test("a memory disk that is opened and closed is held in between, read-only or not", async () => {
  await using rig = new TableRig("/nowhere", [MEMORY_RULE]);
  const used = rig.memory.usedBytes;
  const writer = await rig.open("a", "mem") as Opened;
  const reader = await rig.open("b", "mem", "ro") as Opened;
  assert.deepEqual([writer.device, reader.device], ["memory:mem", "memory:mem"]);
  assert.deepEqual(
    [writer, reader].map(({ tickets }) => tickets[0]!.geometry.readOnly),
    [false, true],
  );
  rig.table.setRules([]);
  rig.table.close(writer.tickets);
  assert.equal(rig.memory.usedBytes, used);
  rig.table.close(reader.tickets);
  rig.table.onSessionEnded("a");
  rig.table.onSessionEnded("b");
  assert.equal(rig.memory.usedBytes, used - MIB);
});

Deno.test("refusals: counted by who, what and why; the last ones of each kind are kept", () => {
  let now = 0;
  const list = new RefusalList(() => new Date(now++));
  const refuse = (kind: "open" | "connect", client: string) =>
    list.add({ kind, client, device_path: null, reason: "no", errno: "EPERM" });
  refuse("open", "a");
  refuse("open", "b");
  refuse("open", "a");
  assert.deepEqual(list.list().map(({ client, count }) => [client, count]), [["a", 2], ["b", 1]]);
  const [a] = list.list();
  assert.deepEqual(
    [a!.first_time, a!.last_time],
    [new Date(0).toISOString(), new Date(2).toISOString()],
  );
  assert.deepEqual(list.opens(), { open_eperm: 3 });
  for (let i = 0; i < 1000; i++) refuse("connect", `${i}`);
  assert.equal(list.list().filter(({ kind }) => kind === "connect").length, 32);
  assert.equal(list.list()[0]!.client, "999");
  assert.equal(
    list.list().filter(({ kind }) => kind === "open").length,
    2,
    "a flood hides no other",
  );
});

Deno.test("a client's path is found by both ends, or by the one that tells it apart", () => {
  const paths = [["tcp:10.0.0.2", "tcp:10.0.0.1"], ["tcp:10.0.1.2", "tcp:10.0.0.1"]]
    .map(([remoteAddress, localAddress]) => ({
      remoteAddress: remoteAddress!,
      localAddress: localAddress!,
    }));
  assert.equal(findServerPath("s", paths, "tcp:10.0.1.2,tcp:10.0.0.1"), paths[1]);
  assert.equal(findServerPath("s", paths, "tcp:10.0.0.2"), paths[0]);
  for (const [text, errnoName] of [["tcp:10.0.0.1", "EINVAL"], ["tcp:10.0.0.9", "ENOENT"]]) {
    assert.throws(() => findServerPath("s", paths, text!), { errnoName });
  }
});
