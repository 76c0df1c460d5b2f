/** The event stream: order, resuming, slow readers, readers that go away. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import type { LogEntry } from "../../src/appliance/log_entry.ts";
import { EventFeeds } from "../../src/appliance/control_api/event_feeds.ts";
import { EVENT_READERS_MAX, EVENTS_WAITING_MAX } from "../../src/appliance/control_api/limits.ts";
import { waitFor } from "../support/process.ts";
import { EventReader } from "./events.ts";
import { FakeAppliance } from "./fake_appliance.ts";
import { freePort, send, withApi } from "./http.ts";

const entry = (event: string, fields: LogEntry["fields"] = {}): LogEntry => ({
  time: "2026-03-01T12:00:00.000Z",
  level: "info",
  event,
  fields,
});

Deno.test("events come in order, with id, type and data", () =>
  withApi(async ({ socket }, appliance) => {
    appliance.history.add(entry("before"));
    const reader = await EventReader.open(socket);
    assert.equal(reader.status, 200);
    assert.equal(reader.headers["content-type"], "text/event-stream");
    assert.equal(reader.headers["cache-control"], "no-store");
    appliance.history.add(entry("mapping open", { mapping: "line\nbreak\r\ndata: x" }));
    appliance.history.add(entry("session lost"));
    const events = await reader.waitForEvents(2);
    assert.deepEqual(events.map(({ id, event }) => [id, event]), [
      [2, "mapping open"],
      [3, "session lost"],
    ]);
    assert.deepEqual(events[0]!.fields, { mapping: "line\nbreak\r\ndata: x" });
    const frame = `id: 3\nevent: message\ndata: ${JSON.stringify(events[1])}\n\n`;
    assert.ok(reader.text.endsWith(frame), reader.text);
    reader.leave();
  }));

Deno.test("a reader that comes back gets what it missed, once", () =>
  withApi(async ({ socket }, appliance) => {
    for (let i = 1; i <= 10; i++) appliance.history.add(entry(`event ${i}`));
    const ids = async (path: string, headers: Record<string, string>, count: number) => {
      const reader = await EventReader.open(socket, path, headers);
      const events = await reader.waitForEvents(count);
      reader.leave();
      return events.map(({ id }) => id);
    };
    assert.deepEqual(await ids("/v1/events?after=7", {}, 3), [8, 9, 10]);
    assert.deepEqual(await ids("/v1/events", { "last-event-id": "8" }, 2), [9, 10]);
    assert.deepEqual(await ids("/v1/events?after=0", { "last-event-id": "9" }, 1), [10]);
    assert.equal((await ids("/v1/events?after=0", { "last-event-id": "" }, 10)).length, 10);
    const earlierRun = await ids("/v1/events", { "last-event-id": "4711" }, 10);
    assert.equal(earlierRun[0], 1, "ids of an earlier run of the program");
    const bad = await send(socket, "GET", "/v1/events", undefined, { "last-event-id": "x" });
    assert.equal(bad.status, 400);
    assert.match(bad.text, /Last-Event-ID: is no whole number/);
  }));

Deno.test("a reader that goes away leaves nothing behind", () =>
  withApi(async ({ socket }, appliance) => {
    const readers = await Promise.all([1, 2, 3].map(() => EventReader.open(socket)));
    await waitFor(() => appliance.subscribers === 3, 5000, "three subscriptions");
    readers[1]!.leave();
    await waitFor(() => appliance.subscribers === 2, 5000, "two subscriptions");
    appliance.history.add(entry("still there"));
    await readers[0]!.waitForEvents(1);
    await readers[2]!.waitForEvents(1);
    readers[0]!.leave();
    readers[2]!.leave();
    await waitFor(() => appliance.subscribers === 0, 5000, "no subscription");
  }));

Deno.test("100 readers get everything; there may be 128", () =>
  withApi(async ({ socket }, appliance) => {
    const open = () => EventReader.open(socket);
    const readers = await Promise.all(Array.from({ length: 100 }, open));
    for (let i = 0; i < 50; i++) appliance.history.add(entry(`event ${i}`));
    for (const reader of readers) assert.equal((await reader.waitForEvents(50)).length, 50);
    readers.push(...await Promise.all(Array.from({ length: EVENT_READERS_MAX - 100 }, open)));
    assert.equal((await send(socket, "GET", "/v1/events")).status, 503);
    assert.equal((await send(socket, "GET", "/v1/status")).status, 200, "others are answered");
    for (const reader of readers) reader.leave();
    await waitFor(() => appliance.subscribers === 0, 5000, "no subscription");
  }));

Deno.test("a reader that is too slow is ended, and others do not notice", () =>
  withApi(async ({ socket }, appliance) => {
    const slow = connect(socket);
    slow.on("error", () => {});
    slow.write("GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n");
    slow.pause();
    const quick = await EventReader.open(socket);
    await waitFor(() => appliance.subscribers === 2, 5000, "two subscriptions");
    const text = "x".repeat(1000);
    // As many as fit into the buffers of the socket, and more than may wait.
    let sent = 0;
    while (appliance.subscribers === 2 && sent < 20 * EVENTS_WAITING_MAX) {
      for (let i = 0; i < 100; i++) appliance.history.add(entry("flood", { sent: ++sent, text }));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.equal(appliance.subscribers, 1, `the slow one is still there after ${sent} events`);
    assert.ok(sent >= EVENTS_WAITING_MAX, `ended after ${sent} events`);
    assert.equal((await quick.waitForEvents(sent)).at(-1)!.id, sent);
    quick.leave();
    // It still reads nothing, but has no connection any more: what it says arrives nowhere.
    let isCut = false;
    slow.on("close", () => isCut = true);
    const say = () => {
      if (!slow.destroyed) slow.write("\r\n");
      return isCut;
    };
    await waitFor(say, 5000, "its connection to be cut");
  }));

Deno.test("what waits for a slow reader has a bound", async () => {
  const appliance = new FakeAppliance();
  const feeds = new EventFeeds();
  const reader = feeds.begin(appliance, undefined).getReader();
  for (let i = 0; i < EVENTS_WAITING_MAX; i++) appliance.history.add(entry("wait"));
  assert.deepEqual([appliance.subscribers, feeds.count], [1, 1]);
  appliance.history.add(entry("one too many"));
  assert.deepEqual([appliance.subscribers, feeds.count], [0, 0]);
  await assert.rejects(reader.read(), /too slow/);
});

Deno.test("silence is broken by a comment", async () => {
  const appliance = new FakeAppliance();
  const feeds = new EventFeeds(5);
  const reader = feeds.begin(appliance, undefined).getReader();
  const next = async () => new TextDecoder().decode((await reader.read()).value);
  assert.equal(await next(), "retry: 2000\n\n");
  assert.equal(await next(), ": nothing new\n\n");
  appliance.history.add(entry("something new"));
  assert.match(await next(), /^id: 1\n/);
  assert.match(await next(), /^: /);
  feeds.close();
  assert.equal((await reader.read()).done, true);
  assert.equal(appliance.subscribers, 0);
  assert.throws(() => feeds.begin(appliance, undefined), /stopping/);
});

Deno.test("streams end in order when the API stops", () => {
  let reader: EventReader | undefined;
  return withApi(async (api) => {
    reader = await EventReader.open(api.socket);
    const started = performance.now();
    await api.stop();
    assert.ok(performance.now() - started < 900, "nobody waits for the reader");
  }).then(() => waitFor(() => reader!.hasEnded, 5000, "the end of the stream"));
});

Deno.test("streams over the port do not take from those over the socket", () => {
  const port = freePort();
  return withApi(async ({ socket }, appliance) => {
    const open = () => EventReader.open(port);
    const readers = await Promise.all(Array.from({ length: EVENT_READERS_MAX }, open));
    const refused = await EventReader.open(port);
    assert.equal(refused.status, 503);
    const reader = await EventReader.open(socket);
    assert.equal(reader.status, 200);
    appliance.history.add(entry("heard"));
    await reader.waitForEvents(1);
    for (const one of [...readers, refused, reader]) one.leave();
    await waitFor(() => appliance.subscribers === 0, 5000, "no subscription");
  }, { http: `127.0.0.1:${port}` });
});
