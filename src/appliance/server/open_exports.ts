/** The devices that clients have open at this server: who holds what, and taking it away. */
import type { RnbdServer, ServerDevice } from "../../rnbd/server/server.ts";
import type { ServerSession } from "../../rtrs/server/session.ts";
import {
  ApplianceError,
  type CloseExportRequest,
  type CloseExportResult,
  type RevalidateResult,
} from "../appliance_api.ts";
import { log } from "../log.ts";
import { notFound } from "../not_found.ts";

const EXIT_TRY_AGAIN = 75;

/** A device that a client has open. */
export interface Holding {
  readonly session: ServerSession;
  readonly device: ServerDevice;
}

function describe({ session, device }: Holding): string {
  return `${session.sessname} (${device.mappingPath}, ${device.mode})`;
}

/** See the head of this file. */
export class OpenExports {
  constructor(private readonly rnbd: RnbdServer) {}

  /** All of them. */
  holdings(): Holding[] {
    return [...this.rnbd.devices].flatMap(([session, devices]) =>
      devices.flatMap((device) => device === undefined ? [] : [{ session, device }])
    );
  }

  /** @throws ApplianceError ENOENT */
  private find(name: string, sessname?: string): Holding[] {
    const all = this.holdings();
    const found = all.filter(({ session, device }) =>
      (device.device === name || device.mappingPath === name) &&
      (sessname === undefined || session.sessname === sessname)
    );
    if (found.length > 0) return found;
    const whom = sessname === undefined ? "Nobody" : `No client with a session called ${sessname}`;
    const known = all.flatMap(({ device }) => [device.device, device.mappingPath]);
    throw notFound(`${whom} has ${name} open`, name, known, all.map(describe));
  }

  /**
   * Takes a device away from clients that have it open: what runs is finished, later requests fail.
   * A client that opens it anew gets it again, if the exports allow that.
   * @throws ApplianceError ENOENT nobody has it open, EBUSY without `force`
   */
  async close({ device: name, sessname, force }: CloseExportRequest): Promise<CloseExportResult> {
    const targets = this.find(name, sessname);
    if (!force) {
      const message = `${name} is open: ${targets.map(describe).join(", ")}; unmap it there, or ` +
        "force: their I/O fails then";
      throw new ApplianceError(message, "EBUSY", EXIT_TRY_AGAIN);
    }
    await Promise.all(targets.map(({ session, device }) => {
      log.warn("device taken away from client", {
        sessname: session.sessname,
        mapping_path: device.mappingPath,
        access_mode: device.mode,
        device: device.device,
      });
      return new Promise<void>((resolve) => this.rnbd.forceClose(session, device, resolve));
    }));
    const closed = targets.map(({ session, device }) => ({
      sessname: session.sessname!,
      mapping_path: device.mappingPath,
    }));
    return { closed };
  }

  /**
   * Looks at the sizes of open devices again; another size is served at once. RNBD has no message
   * that tells clients: they learn it when they open the device again.
   * @param name as for {@link close}; undefined: all of them
   * @throws ApplianceError ENOENT
   */
  async revalidate(name: string | undefined): Promise<RevalidateResult> {
    const found = name === undefined ? this.holdings() : this.find(name);
    /** By device, each with the size that some client still believes in. */
    const earlier = new Map<string, number>();
    await Promise.all(found.map(({ session, device }) => {
      const before = device.ticket.geometry.sizeBytes;
      const looked = new Promise<void>((resolve) => this.rnbd.revalidate(session, device, resolve));
      const hasChanged = device.ticket.geometry.sizeBytes !== before;
      if (hasChanged || !earlier.has(device.device)) earlier.set(device.device, before);
      return looked;
    }));
    const devices = [...earlier].map(([device, earlier_size_bytes]) => {
      const holders = found.filter((holding) => holding.device.device === device);
      const size_bytes = holders[0]!.device.ticket.geometry.sizeBytes;
      const clients = holders.map(({ session }) => session.sessname!);
      return { device, size_bytes, earlier_size_bytes, clients };
    });
    return { devices };
  }
}
