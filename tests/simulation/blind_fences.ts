/**
 * A bug to be found: a client that does not ask whether a dead path has ended at the server, but
 * takes it for granted. Its fabric answers such questions itself, as if the path were gone.
 */
import type { ConnectOutcome, ConnectTarget, Fabric } from "../../src/fabric/fabric.ts";
import type { SimProcess } from "../../src/fabric/sim/process.ts";
import { ERRNO } from "../../src/ffi/errno.ts";
import { decodeConnectRequest, encodeConnectReject } from "../../src/rtrs/connect_codec.ts";

/** See the head of this file. */
export function blindFences(fabric: Fabric, process: SimProcess): Fabric {
  /** Where each path was first seen to lead: a question goes another path's way. */
  const destinations = new Map<string, string>();
  const connect = (target: ConnectTarget, done: (outcome: ConnectOutcome) => void) => {
    const request = decodeConnectRequest(target.privateData);
    if (typeof request === "string") throw new Error(request);
    const path = request.pathUuid.join();
    const known = destinations.get(path) ?? target.destination;
    destinations.set(path, known);
    if (known === target.destination) return fabric.connect(target, done);
    const privateData = encodeConnectReject(ERRNO.EEXIST);
    const answer = process.schedule(0.01, () => done({ kind: "rejected", privateData }));
    return { cancel: () => void (answer.cancelled = true) };
  };
  return new Proxy(fabric, {
    get: (real, name: keyof Fabric) => {
      if (name === "connect") return connect;
      const value = real[name];
      return typeof value === "function" ? value.bind(real) : value;
    },
  });
}
