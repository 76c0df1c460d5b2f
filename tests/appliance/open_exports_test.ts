/** Who holds what at a server, taking it away, and looking at sizes again: with raw clients. */
import assert from "node:assert/strict";
import { ApplianceError } from "../../src/appliance/appliance_api.ts";
import { log } from "../../src/appliance/log.ts";
import { OpenExports } from "../../src/appliance/server/open_exports.ts";
import { RnbdServerRig } from "../rnbd/harness/server_rig.ts";

const [RO, RW, MIGRATION] = [0, 1, 2] as const;

interface Rig {
  readonly server: RnbdServerRig;
  readonly open: OpenExports;
}

/** A server without a log. */
function makeRig(): Rig {
  log.sink = () => {};
  const server = new RnbdServerRig();
  return { server, open: new OpenExports(server.server) };
}

const refusalOf = (promise: Promise<unknown>): Promise<[string, string, number]> =>
  promise.then(
    () => Promise.reject(new Error("it was not refused")),
    (error: unknown) => {
      assert.ok(error instanceof ApplianceError, String(error));
      return [error.errnoName, error.message, error.exitCode];
    },
  );

Deno.test("close without force names every holder, and takes nothing away", async () => {
  const { server, open } = makeRig();
  server.client("old").open("vm-1", RW);
  server.client("new").open("vm-1", MIGRATION);
  const [errno, message, exitCode] = await refusalOf(open.close({ device: "vm-1", force: false }));
  assert.deepEqual([errno, exitCode], ["EBUSY", 75]);
  assert.match(message, /^vm-1 is open: old \(vm-1, rw\), new \(vm-1, migration\); /);
  assert.deepEqual(server.closedTickets, []);
});

Deno.test("close: by the device or by what clients call it, of one client or of all", async () => {
  for (const device of ["vm-1", "/srv/vm-1"]) {
    for (const sessname of [undefined, "new"]) {
      const { server, open } = makeRig();
      const [before, after] = [server.client("old"), server.client("new")];
      before.open("vm-1", RO);
      after.open("vm-1", RO);
      after.open("vm-2", RO);
      const only = sessname === undefined ? {} : { sessname };
      const { closed } = await open.close({ device, force: true, ...only });
      const all = sessname === undefined ? ["old", "new"] : ["new"];
      assert.deepEqual(closed.map((one) => one.sessname), all);
      const left = open.holdings().map(({ session, device }) => [session.sessname, device.id]);
      assert.deepEqual(left, sessname === undefined ? [["new", 1]] : [["old", 0], ["new", 1]]);
    }
  }
});

Deno.test("close waits for what runs", async () => {
  const server = new RnbdServerRig(false);
  log.sink = () => {};
  const open = new OpenExports(server.server);
  const client = server.client("a");
  client.sendOpen("disk");
  for (const reactor of server.rtrs.reactors) reactor.answer();
  let isDone = false;
  const closing = open.close({ device: "disk", force: true }).then(() => isDone = true);
  server.rtrs.reactors[0]!.answer();
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.ok(!isDone);
  server.rtrs.reactors[1]!.answer();
  await closing;
});

Deno.test("a name that nobody has open: the nearest one, or who has what", async () => {
  const { server, open } = makeRig();
  const wrong = { force: true, device: "" };
  assert.deepEqual(await refusalOf(open.close({ ...wrong, device: "vm" })), [
    "ENOENT",
    "Nobody has vm open; there are: none",
    1,
  ]);
  server.client("a").open("disk-one", RO);
  const near = await refusalOf(open.close({ ...wrong, device: "disk-noe" }));
  assert.match(near[1], /did you mean disk-one\?$/);
  const other = await refusalOf(open.close({ ...wrong, device: "disk-one", sessname: "b" }));
  assert.match(other[1], /^No client with a session called b has disk-one open/);
  assert.deepEqual((await refusalOf(open.revalidate("q")))[0], "ENOENT");
});

Deno.test("revalidate: each device once, with what its clients had been told, and who they are", async () => {
  const { server, open } = makeRig();
  const [a, b] = [server.client("a"), server.client("b")];
  a.open("disk", RO);
  b.open("disk", RO);
  b.open("other", RO);
  const sizeBytes = a.lastOpen?.sizeSectors ?? 0;
  assert.equal(sizeBytes * 512, 2 ** 20);
  const unchanged = {
    device: "/srv/other",
    size_bytes: 2 ** 20,
    earlier_size_bytes: 2 ** 20,
    clients: ["b"],
  };
  server.sizes.set("disk", 2 ** 21);
  // One client has asked by itself already: the other one still believes in the old size.
  b.open("disk", RO);
  assert.deepEqual(await open.revalidate(undefined), {
    devices: [{
      device: "/srv/disk",
      size_bytes: 2 ** 21,
      earlier_size_bytes: 2 ** 20,
      clients: ["a", "b"],
    }, unchanged],
  });
  assert.deepEqual(await open.revalidate("other"), { devices: [unchanged] });
});
