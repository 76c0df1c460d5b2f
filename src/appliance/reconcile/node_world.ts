/** The node itself as the reconciler's world. */
import { errnoName, SystemError } from "../../ffi/errno.ts";
import type { DeviceInfo } from "../../ublk/device_info.ts";
import { blockPath, linkPath } from "../../ublk/device_node.ts";
import { deleteLeftover, isServed, leftoverUsers, taggedDevices } from "../../ublk/leftovers.ts";
import { leftoverDevices } from "../../ublk/own_devices.ts";
import { udevRecords } from "../../ublk/udev_record.ts";
import { ApplianceError } from "../appliance_api.ts";
import type { ClientSide } from "../client/client_side.ts";
import type { Config, LiveNodeConfig } from "../config/config.ts";
import { log } from "../log.ts";
import type { Runtime } from "../runtime.ts";
import type { ServerSide } from "../server/server_side.ts";
import {
  type Actual,
  type Leftover,
  leftoverUse,
  mappingUse,
  type RunningSettings,
  type Users,
} from "./actual.ts";
import { editedExports } from "./export_steps.ts";
import { KnownNames } from "./known_names.ts";
import type { Removals, Work } from "./step.ts";
import type { WorkFailure, World } from "./world.ts";

/** What the world is made of. */
export interface NodeParts {
  readonly runtime: Runtime;
  readonly client: ClientSide;
  readonly server: ServerSide | undefined;
  /** Takes over settings of the node itself. */
  onNodeChanged(settings: LiveNodeConfig): void;
}

/** Errors by which the request is wrong, whenever it is made. */
const TERMINAL: ReadonlySet<string> = new Set([
  "EPERM",
  "EACCES",
  "EINVAL",
  "EROFS",
  "ENOMEM",
  "ENAMETOOLONG",
]);

function failureOf(error: unknown): WorkFailure {
  const reason = error instanceof Error ? error.message : String(error);
  const name = error instanceof ApplianceError
    ? error.errnoName
    : error instanceof SystemError
    ? errnoName(error.errno)
    : "";
  return { reason, isTerminal: TERMINAL.has(name) };
}

function busy(subject: string, users: readonly string[]): ApplianceError {
  return new ApplianceError(`${subject} is in use: ${users.join(", ")}`, "EBUSY", 75);
}

/** See the head of this file. */
export class NodeWorld implements World {
  private readonly known: KnownNames;
  private running: RunningSettings;
  /** Devices with the mark of this program, as of the last look. */
  private devices: readonly DeviceInfo[] = [];

  constructor(private readonly parts: NodeParts, config: Config) {
    const { node, control, server } = config;
    const autoExpose = parts.runtime.ublk.isAvailable ? "ublk" as const : "nbd" as const;
    this.running = { node, control, server, autoExpose };
    this.known = new KnownNames(node.runtimeDir, node.name);
  }

  /** Looks at the block devices of this machine anew. */
  async look(): Promise<void> {
    if (this.running.autoExpose === "nbd") return;
    try {
      this.devices = await taggedDevices(this.parts.runtime.ublk);
    } catch (error) {
      log.warn("block devices cannot be listed", { reason: failureOf(error).reason });
    }
  }

  actual(): Actual {
    const { client, server } = this.parts;
    return {
      running: this.running,
      ...client.actual(),
      exports: server?.exportRules().map((config) => ({
        config,
        holders: server.holdersOf(config),
      })) ?? [],
      leftovers: this.leftovers(),
    };
  }

  private leftovers(): Leftover[] {
    if (this.devices.length === 0) return [];
    const served = this.parts.client.servedDevices();
    const isTaken = (info: DeviceInfo) => served.has(info.id) || isServed(info);
    return leftoverDevices(this.devices, this.known.tags, isTaken)
      .map(({ id, name }) => ({ id, name, device: blockPath(id) }));
  }

  askUsers(keys: readonly string[], done: (users: Users) => void): void {
    const { client } = this.parts;
    const leftovers = new Map(this.leftovers().map(({ id }) => [leftoverUse(id), id]));
    const names = new Map(client.names().map((name) => [mappingUse(name), name]));
    const ask = (key: string): Promise<readonly string[]> => {
      const name = names.get(key);
      if (name !== undefined) return client.mapping(name).users();
      const id = leftovers.get(key);
      return id === undefined ? Promise.resolve([]) : leftoverUsers(id);
    };
    const asked = keys.map(async (key): Promise<[string, readonly string[]]> => {
      try {
        return [key, await ask(key)];
      } catch (error) {
        // Who cannot be asked may be there.
        return [key, [`it is not known by whom (${failureOf(error).reason})`]];
      }
    });
    Promise.all(asked).then((entries) => done(new Map(entries)));
  }

  remember(names: readonly string[]): void {
    if (this.running.autoExpose === "nbd") return;
    const { client } = this.parts;
    const needed = new Set([...client.names(), ...this.leftovers().map(({ name }) => name)]);
    this.known.add(names, (name) => needed.has(name));
  }

  run(work: Work, done: (failure: WorkFailure | undefined) => void): void {
    try {
      const doing = this.act(work);
      if (doing === undefined) return done(undefined);
      doing.then(() => done(undefined), (error: unknown) => done(failureOf(error)));
    } catch (error) {
      done(failureOf(error));
    }
  }

  private act(work: Work): Promise<unknown> | void {
    const { client, server } = this.parts;
    switch (work.kind) {
      case "openSession":
        return client.openSession(work.session, work.origin);
      case "changeSession":
        return client.changeSession(work.session, work.origin);
      case "closeSession":
        return this.closeSession(work.sessname, work.mappings);
      case "map":
        client.map(work.mapping, work.origin);
        return;
      case "changeMapping":
        return client.mapping(work.mapping.name).change(work.mapping, work.origin);
      case "reopen":
        return client.reopen(work.name);
      case "unmap":
        return this.unmap(work.name, work.force);
      case "setExport":
        return server!.setExports(editedExports(server!.exportRules(), work.edit));
      case "deleteLeftover":
        return this.deleteLeftover(work.id);
      case "changeNode":
        return this.changeNode(work.settings);
    }
  }

  private changeNode(settings: LiveNodeConfig): void {
    this.running = { ...this.running, node: { ...this.running.node, ...settings } };
    this.parts.onNodeChanged(settings);
  }

  /** Somebody may have come since the plan was made. */
  private async refuseUsed(name: string): Promise<void> {
    const users = await this.parts.client.mapping(name).users();
    if (users.length > 0) throw busy(name, users);
  }

  private async unmap(name: string, force: boolean): Promise<void> {
    if (!force) await this.refuseUsed(name);
    await this.parts.client.unmap(name);
  }

  /** All or none, as far as it can be seen. */
  private async closeSession(sessname: string, removals: Removals): Promise<void> {
    const { client } = this.parts;
    await Promise.all(removals.map(async ({ name, force }) => {
      if (!force) await this.refuseUsed(name);
    }));
    await Promise.all(removals.map(({ name }) => client.unmap(name)));
    await client.closeSession(sessname);
  }

  private async deleteLeftover(id: number): Promise<void> {
    const leftover = this.leftovers().find((one) => one.id === id);
    if (leftover === undefined) return;
    const { devDir, runtimeDir } = this.running.node;
    const tag = this.known.tags.get(leftover.name)!;
    const users = await deleteLeftover(this.parts.runtime.ublk, id, tag, {
      link: linkPath(devDir, leftover.name),
      udevRecords: udevRecords(runtimeDir),
    });
    await this.look();
    if (users.length > 0) throw busy(leftover.device, users);
    log.info("leftover deleted", { name: leftover.name, device: leftover.device });
  }
}
