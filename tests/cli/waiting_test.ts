/** Verbs that wait: what they say meanwhile, on a terminal and elsewhere, and when they give up. */
import assert from "node:assert/strict";
import type { Status } from "../../src/appliance/appliance_api.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { capture } from "./capture.ts";
import { failure, FakeControl } from "./fake_control.ts";
import { HOSTILE_STATUS, PLAN, SCRATCH } from "./hostile_status.ts";

const SETTLED: Status = {
  ...HOSTILE_STATUS,
  config: { ...HOSTILE_STATUS.config, state: "current", stale_because: [], pending: [] },
};

const CLOSED: Status = {
  ...SETTLED,
  mappings: [{ ...SCRATCH, state: "closed", last_error: "ENOENT: not there" }],
};

Deno.test("status --wait waits for what is declared, and says what is missing", async () => {
  await using fake = await FakeControl.start();
  const statuses = [CLOSED, CLOSED, HOSTILE_STATUS, SETTLED];
  fake.answers.set("GET /v1/status", () => statuses.length > 1 ? statuses.shift() : statuses[0]);
  const { code, err } = await capture(["status", "--wait", "--socket", fake.socket]);
  assert.equal(code, 0);
  assert.equal(
    err,
    "waiting: mapping scratch not open: ENOENT: not there\n" +
      "waiting: the config has errors: /etc/rnbd.toml:3:1: node.nam: is unknown; did you mean " +
      '"name"?\n',
  );
});

Deno.test("status --wait gives up with 75, and waits for an appliance that is not there", async () => {
  await using fake = await FakeControl.start();
  fake.status = CLOSED;
  const line = ["status", "--wait", "--timeout", "300ms", "--socket"];
  const late = await capture([...line, fake.socket]);
  assert.equal(late.code, 75);
  assert.match(late.err, /Still not there: mapping scratch not open: ENOENT: not there\n$/);
  assert.match(late.out, /^node store-1/);
  await using directory = await temporaryDirectory();
  const absent = await capture([...line, `${directory.path}/s.sock`]);
  assert.equal(absent.code, 69);
  assert.match(absent.err, /^waiting: No appliance answers .*\nrnbd-appliance: No appliance/);
});

Deno.test("unmap --wait tries until nobody uses it", async () => {
  await using fake = await FakeControl.start();
  let tries = 0;
  const busy = () => failure(409, "scratch is in use: fio (pid 7)", "EBUSY", 75);
  fake.answers.set("DELETE /v1/mappings/NAME", () => ++tries < 3 ? busy() : undefined);
  const { code, out, err } = await capture(["unmap", "scratch", "--wait", "--socket", fake.socket]);
  assert.deepEqual([code, out, tries], [0, "scratch: unmapped\n", 3]);
  assert.equal(err, "waiting: scratch is in use: fio (pid 7)\n");
  tries = -1000;
  const late = ["unmap", "scratch", "--wait", "--timeout", "200ms", "--socket", fake.socket];
  assert.equal((await capture(late)).code, 75);
});

/** Answers an apply after a while, during which steps get done one by one. */
async function slowApply(look: Parameters<typeof capture>[2]) {
  await using fake = await FakeControl.start();
  const answered = Promise.withResolvers<void>();
  let looks = 0;
  fake.answers.set("POST /v1/apply", async () => {
    await answered.promise;
    return { plan: PLAN, pending: [] };
  });
  fake.answers.set("GET /v1/status", () => {
    const pending = PLAN.steps.slice(0, 3 - looks++);
    if (pending.length === 0) answered.resolve();
    return { ...SETTLED, config: { ...SETTLED.config, pending } };
  });
  return await capture(["apply", "--socket", fake.socket], {}, look);
}

Deno.test("apply says what it waits for: a line for each event", async () => {
  const { code, out, err } = await slowApply({});
  assert.equal(code, 0);
  const lines = err.trimEnd().split("\n");
  assert.match(lines[0]!, /^3 steps left: remove mapping e\?\[31mvil.* \(waits: in use by fio/);
  assert.ok(lines.includes("add mapping new: done"), err);
  assert.ok(lines.includes("change session backup: done"), err);
  assert.match(out, /\ndone: the node is as the config says\n$/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(err, /[\x00-\x09\x0b-\x1f]/);
});

Deno.test("apply says what it waits for: one line that moves on a terminal", async () => {
  const { code, err } = await slowApply({ isErrorTerminal: true });
  assert.equal(code, 0);
  const draws = err.split("\r\u001b[2K");
  assert.ok(draws.length > 5, String(draws.length));
  assert.ok(
    draws.some((draw) => /^⠙ 3 steps left: .*… \(\d\.\d s\)$/.test(draw)),
    JSON.stringify(draws),
  );
  assert.ok(draws.every((draw) => draw.length <= 80 || draw.includes("done")));
  // Nothing of it stays.
  assert.equal(draws.at(-1), "");
});

Deno.test("a call that takes long is told of", async () => {
  await using fake = await FakeControl.start();
  fake.answers.set("POST /v1/mappings", async () => {
    await new Promise((resolve) => setTimeout(resolve, 1200));
    return SCRATCH;
  });
  const { code, err } = await capture(["map", "d", "from", "backup", "--socket", fake.socket]);
  assert.deepEqual([code, err], [0, "mapping d from backup\n"]);
});

Deno.test("watch draws a live table on a terminal, within its size", async () => {
  await using fake = await FakeControl.start();
  const line = ["watch", "--count", "2", "--interval", "100ms", "--socket", fake.socket];
  let ios = 1000;
  fake.answers.set("GET /v1/status", () => {
    ios += 50;
    const io = { ...SCRATCH.io, read: { ios, bytes: ios * 4096, errors: 0 } };
    return { ...SETTLED, mappings: [{ ...SCRATCH, io }] };
  });
  const size = () => ({ columns: 100, rows: 12 });
  const { code, out } = await capture(line, {}, { isTerminal: true, size });
  assert.equal(code, 0);
  assert.ok(out.startsWith("\u001b[?1049h\u001b[?25l\n\u001b[H"));
  assert.ok(out.endsWith("\u001b[?25h\u001b[?1049l\n"));
  const screens = out.split("\u001b[H").slice(1);
  assert.equal(screens.length, 2);
  assert.match(screens[1]!, / scratch {2}open {3}64 MiB {2}backup +\d+ .* (MiB|KiB) /);
  for (const screen of screens) assert.ok(screen.split("\n").length <= 12 + 2, screen);
  assert.match(screens[0]!, /… \d+ more lines/);
});
