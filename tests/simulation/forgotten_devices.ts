/** Notices devices that a server keeps open though their client has given them up. */
import type { ServerDevice } from "../../src/rnbd/server/server.ts";
import type { ClientNode } from "./client_node.ts";
import type { ServerNode } from "./server_node.ts";
import { expect } from "./world_parts.ts";

/** A removal counts until its CLOSE is answered, so there is nothing to wait for; to be sure. */
const FORGOTTEN_MS = 3_000;

/** See the head of this file. */
export class ForgottenDevices {
  private since = new Map<ServerDevice, number>();

  /** Looks now. */
  check(
    server: ServerNode | undefined,
    clients: readonly (ClientNode | undefined)[],
    now: number,
  ): void {
    const since = new Map<ServerDevice, number>();
    for (const { client, device } of server?.openDevices() ?? []) {
      const owner = clients[client];
      if (owner === undefined || owner.wants(device.mappingPath)) continue;
      const first = this.since.get(device) ?? now;
      since.set(device, first);
      expect(
        now - first < FORGOTTEN_MS,
        () => `client${client} has forgotten to close ${device.mappingPath}`,
      );
    }
    this.since = since;
  }
}
