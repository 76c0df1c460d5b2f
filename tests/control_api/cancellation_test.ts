/** A client that goes away ends its load, and only its load. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { waitFor } from "../support/process.ts";
import { sendJson, withApi } from "./http.ts";

/** Sends a request; the function ends its connection. */
function sendAndLeave(socketPath: string, path: string, body: unknown): () => void {
  const headers = { "content-type": "application/json" };
  const exchange = request({ socketPath, method: "POST", path, headers });
  exchange.on("error", () => {});
  exchange.end(JSON.stringify(body));
  return () => void exchange.destroy();
}

Deno.test("the signal of verify and bench fires when their client goes away", () =>
  withApi(async ({ socket }, appliance) => {
    const gate = Promise.withResolvers<void>();
    appliance.gate = gate.promise;
    const leave = sendAndLeave(socket, "/v1/mappings/m/verify", { destroy_data: true });
    await waitFor(() => appliance.signals.length === 1, 5000, "verify");
    const leaveToo = sendAndLeave(socket, "/v1/mappings/m/bench", {});
    await waitFor(() => appliance.signals.length === 2, 5000, "bench");
    const stays = sendJson(socket, "POST", "/v1/mappings/m/bench", {});
    await waitFor(() => appliance.signals.length === 3, 5000, "the other bench");
    const aborted = () => appliance.signals.map((signal) => signal!.aborted);
    assert.deepEqual(aborted(), [false, false, false]);
    leave();
    await waitFor(() => aborted()[0]!, 5000, "the signal of verify");
    leaveToo();
    await waitFor(() => aborted()[1]!, 5000, "the signal of bench");
    gate.resolve();
    assert.equal((await stays).status, 200);
    assert.deepEqual(aborted(), [true, true, false], "an answer is no reason to stop");
  }));

Deno.test("apply ends its waiting when its client goes away", () =>
  withApi(async ({ socket }, appliance) => {
    appliance.gate = new Promise(() => {});
    const leave = sendAndLeave(socket, "/v1/apply", { timeout_ms: 60_000 });
    await waitFor(() => appliance.signals.length === 1, 5000, "apply");
    assert.equal(appliance.signals[0]!.aborted, false);
    leave();
    await waitFor(() => appliance.signals[0]!.aborted, 5000, "the signal of apply");
  }));
