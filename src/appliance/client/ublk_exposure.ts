/** A mapping as a block device of this machine. */
import type { ClientDevice } from "../../rnbd/client/device.ts";
import type { ClientSession } from "../../rtrs/client/session.ts";
import { UblkDevice, type UblkDeviceOptions } from "../../ublk/device.ts";
import { blockPath, linkPath } from "../../ublk/device_node.ts";
import type { UblkHost } from "../../ublk/host.ts";
import { adoptLeftover } from "../../ublk/leftovers.ts";
import { ownershipTag } from "../../ublk/ownership_tag.ts";
import { udevRecords } from "../../ublk/udev_record.ts";
import { lastingUsersOf } from "../../ublk/users.ts";
import type { MappingConfig, NodeConfig } from "../config/config.ts";
import type { Exposure } from "./exposure.ts";
import { log } from "../log.ts";
import type { Runtime } from "../runtime.ts";

/** See the head of this file. */
export class UblkExposure implements Exposure {
  readonly kind = "ublk";
  private ublk: UblkDevice | undefined;

  constructor(
    private readonly runtime: Runtime,
    private readonly node: NodeConfig,
    private readonly config: MappingConfig,
    private readonly session: ClientSession,
    private readonly device: ClientDevice,
  ) {}

  get path(): string | undefined {
    return this.ublk?.path;
  }

  /** Number of the device; undefined while there is none. */
  get id(): number | undefined {
    return this.ublk?.id;
  }

  get outlivesProgram(): boolean {
    return this.ublk?.isRecoverable ?? false;
  }

  async open(): Promise<void> {
    const { name } = this.config;
    const options = this.options();
    // Says what is missing, before anything is looked for.
    await options.control.features();
    const { device, warnings } = await adoptLeftover(options);
    for (const reason of warnings) log.warn("ublk device left alone", { name, reason });
    this.ublk = device ?? await UblkDevice.create(options);
    const fields = { name, link: this.ublk.path, device: blockPath(this.ublk.id) };
    log.info(device === undefined ? "block device made" : "block device taken over", fields);
    if (device !== undefined) await this.reopened();
  }

  private options(): UblkDeviceOptions {
    const { runtime, node, config, session } = this;
    return {
      control: runtime.ublk,
      host: this.host(),
      tag: ownershipTag(node.name, config.name),
      geometry: this.device.geometry!,
      // Lane 0 is main's; the reactors' are alike. Without a connection there may be none.
      permits: session.allotments[1]?.setup.permits ?? 0,
      link: linkPath(node.devDir, config.name),
      udevRecords: udevRecords(node.runtimeDir),
    };
  }

  private host(): UblkHost {
    const { memory, reactors } = this.runtime;
    const { session, device, config } = this;
    return {
      lanes: reactors.length,
      allocateBuffers: (lane, length) => {
        const at = memory.allocate(length, `the block device of mapping ${config.name}`);
        try {
          session.buffers.add(lane, at, length);
        } catch (error) {
          memory.release(at);
          throw error;
        }
        return at;
      },
      releaseBuffers: async (at) => {
        await new Promise<void>((resolve) => session.buffers.remove(at, resolve));
        memory.release(at);
      },
      serve: (lane, ticket) => reactors[lane]!.serveUblk(session.handle, device.handle, ticket),
    };
  }

  /** A server with another shape has new lanes: the queues have to find their disk there. */
  async reopened(): Promise<void> {
    const { session, device, config } = this;
    for (const reactor of this.runtime.reactors) {
      reactor.send({ kind: "bindUblk", session: session.handle, device: device.handle });
    }
    try {
      await this.resized();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn("block device keeps its size", { name: config.name, reason });
    }
  }

  async resized(): Promise<void> {
    const problem = await this.ublk?.resize(this.device.geometry!.sizeBytes);
    if (problem === undefined) return;
    const users = await this.users();
    if (users.length > 0) throw new Error(`${problem}; it is in use: ${users.join(", ")}`);
    // Nobody notices when an unused device is made anew.
    await this.close();
    await this.open();
  }

  async users(): Promise<readonly string[]> {
    return this.ublk === undefined ? [] : await lastingUsersOf(this.ublk.disk);
  }

  async close(): Promise<void> {
    const { ublk } = this;
    if (ublk === undefined) return;
    this.ublk = undefined;
    const users = await ublk.close();
    if (users.length === 0) return;
    log.warn("block device stays until it is closed", {
      name: this.config.name,
      device: blockPath(ublk.id),
      users: users.join(", "),
    });
  }
}
