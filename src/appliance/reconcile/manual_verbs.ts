/** What people do by hand, beside the config: the rounds that follow leave it as it is. */
import {
  ApplianceError,
  type MappingStatus,
  type MapRequest,
  type PathEditRequest,
  type RecoverRequest,
  type RecoverResult,
  type SessionChangeRequest,
  type SessionStatus,
} from "../appliance_api.ts";
import { formatPath, parsePath } from "../../fabric/address.ts";
import type { ClientSide } from "../client/client_side.ts";
import type { MappingConfig, SessionConfig } from "../config/config.ts";
import { defaultMapping, defaultSession } from "../config/defaults.ts";
import { defaultMappingName } from "../config/names.ts";
import { configText } from "./config_text.ts";
import { deviceKey, type Origin } from "./desired.ts";
import { sessionChanges } from "./differences.ts";
import type { Reconciliation } from "./reconciliation.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 64;
const EXIT_TRY_AGAIN = 75;

/** See the head of this file. */
export class ManualVerbs {
  constructor(
    private readonly client: ClientSide,
    private readonly reconciliation: Reconciliation,
  ) {}

  /** @throws ApplianceError when it cannot be mapped: nothing is left of it then */
  async map(request: MapRequest): Promise<MappingStatus> {
    const { client, reconciliation } = this;
    const config: MappingConfig = {
      ...defaultMapping(request.sessname, request.device_path),
      name: request.name ?? defaultMappingName(request.device_path),
      accessMode: request.access_mode ?? "rw",
      expose: request.expose ?? "auto",
    };
    client.assertFree(config);
    const session = this.sessionFor(request);
    const origin = this.originOf(config);
    if (client.sessionConfig(config.sessname) === undefined) {
      client.openSession(session, this.isDeclared(config.sessname) ? "config" : "manual");
    }
    const mapping = client.map(config, origin);
    reconciliation.mapped(config, session);
    const result = await mapping.firstTry;
    if (result.isOpen) return mapping.status();
    // Somebody else may have been faster.
    if (client.has(config.name) && client.mapping(config.name) === mapping) {
      reconciliation.unmapped(config.name);
      await client.unmap(config.name);
      await reconciliation.closed(config.sessname);
    }
    throw new ApplianceError(
      `Cannot map ${config.devicePath} of session ${config.sessname}: ${result.reason}`,
      result.errno,
      EXIT_FAILED,
    );
  }

  private isDeclared(sessname: string): boolean {
    return this.reconciliation.config.sessions.some((one) => one.sessname === sessname);
  }

  /** Whose it will be. @throws ApplianceError EEXIST when the files have another idea of it */
  private originOf(config: MappingConfig): Origin {
    const declared = this.reconciliation.config.mappings.find((mapping) =>
      mapping.name === config.name || deviceKey(mapping) === deviceKey(config)
    );
    if (declared === undefined) return "manual";
    if (declared.name === config.name && deviceKey(declared) === deviceKey(config)) return "config";
    if (this.reconciliation.isUnmapped(declared.name)) return "manual";
    const message = `The config declares ${declared.name}: ${declared.devicePath} of session ` +
      `${declared.sessname}; use another name and device, or change the config`;
    throw new ApplianceError(message, "EEXIST", EXIT_FAILED);
  }

  private sessionFor(request: MapRequest): SessionConfig {
    const { sessname } = request;
    const declared = this.reconciliation.config.sessions;
    const known = this.client.sessionConfig(sessname) ??
      declared.find((session) => session.sessname === sessname);
    const paths = request.paths ?? known?.paths ?? [];
    if (paths.length === 0) {
      const message = `No session is called ${sessname}, and no path to its server is given`;
      throw new ApplianceError(message, "ENXIO", EXIT_USAGE);
    }
    if (known !== undefined) return known;
    const base = defaultSession(sessname, paths);
    return { ...base, destPort: request.dest_port ?? base.destPort };
  }

  /** @throws ApplianceError ENOENT, EBUSY when it is in use and `force` is false */
  async unmap(name: string, force: boolean): Promise<void> {
    const { client, reconciliation } = this;
    const users = force ? [] : await client.mapping(name).users();
    if (users.length > 0) {
      const message = `${name} is in use: ${users.join(", ")}; end that, or force`;
      throw new ApplianceError(message, "EBUSY", EXIT_TRY_AGAIN);
    }
    const { sessname } = client.mapping(name).config;
    reconciliation.unmapped(name);
    await client.unmap(name);
    await reconciliation.closed(sessname);
  }

  /** @throws ApplianceError ENOENT */
  changeSession(request: SessionChangeRequest): SessionStatus {
    const { sessname, mpath_policy, max_reconnect_attempts } = request;
    const before = this.client.openSessionConfig(sessname);
    return this.setSession({
      ...before,
      mpathPolicy: mpath_policy ?? before.mpathPolicy,
      maxReconnectAttempts: max_reconnect_attempts ?? before.maxReconnectAttempts,
    });
  }

  private setSession(config: SessionConfig): SessionStatus {
    const { client, reconciliation } = this;
    const { sessname } = config;
    const keys = sessionChanges(client.openSessionConfig(sessname), config).map(({ key }) => key);
    client.changeSession(config, this.isDeclared(sessname) ? "config" : "manual");
    reconciliation.sessionChanged(config, keys);
    return client.sessionStatus().find((status) => status.sessname === sessname)!;
  }

  /** @throws ApplianceError ENOENT, EEXIST, EINVAL another carrier than the session's */
  addPath({ sessname, path }: PathEditRequest): SessionStatus {
    const before = this.client.openSessionConfig(sessname);
    const added = parsePath(path);
    if (before.paths.some((one) => formatPath(parsePath(one)) === formatPath(added))) {
      throw new ApplianceError(`Session ${sessname} has the path ${path}`, "EEXIST", EXIT_FAILED);
    }
    const { kind } = parsePath(before.paths[0]!).destination;
    if (added.destination.kind !== kind) {
      const message = `The paths of session ${sessname} are ${kind}: paths, and ${path} is none`;
      throw new ApplianceError(message, "EINVAL", EXIT_FAILED);
    }
    return this.setSession({ ...before, paths: [...before.paths, path] });
  }

  /** @throws ApplianceError ENOENT, EINVAL when it means several, EBUSY for the last one */
  deletePath({ sessname, path }: PathEditRequest): SessionStatus {
    const before = this.client.openSessionConfig(sessname);
    const meant = this.client.pathText(sessname, path);
    const paths = before.paths.filter((one) => formatPath(parsePath(one)) !== meant);
    if (paths.length === 0) {
      const message = `${path} is the last path of session ${sessname}; unmap what uses it instead`;
      throw new ApplianceError(message, "EBUSY", EXIT_FAILED);
    }
    return this.setSession({ ...before, paths });
  }

  /** Tries now what is closed or disconnected. @throws ApplianceError ENOENT */
  recover({ names }: RecoverRequest): RecoverResult {
    const { client } = this;
    const sessions = client.sessionStatus();
    const known = new Set([...client.names(), ...sessions.map(({ sessname }) => sessname)]);
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined) {
      const message = `No mapping or session is called ${unknown}; there are: ` +
        ([...known].join(", ") || "none");
      throw new ApplianceError(message, "ENOENT", EXIT_FAILED);
    }
    const isMeant = (name: string) => names.length === 0 || names.includes(name);
    const closed = client.mappingStatus().filter(({ name, sessname, state }) =>
      state === "closed" && (isMeant(name) || isMeant(sessname))
    );
    const paths = sessions.filter(({ sessname }) => isMeant(sessname))
      .flatMap(({ sessname }) => client.reconnectDown(sessname).map((one) => `${sessname} ${one}`));
    for (const { name } of closed) client.reopen(name);
    return { mappings: closed.map(({ name }) => name), paths };
  }

  /** @throws ApplianceError ENOENT no such mapping, EEXIST it is in the config */
  exportConfig(names: readonly string[]): string {
    const { config } = this.reconciliation;
    const manual = this.reconciliation.manual();
    for (const name of names) {
      if (manual.some(({ mapping }) => mapping.name === name)) continue;
      if (config.mappings.some((mapping) => mapping.name === name)) {
        throw new ApplianceError(`${name} is in the config already`, "EEXIST", EXIT_FAILED);
      }
      const known = manual.map(({ mapping }) => mapping.name).join(", ") || "none";
      const message = `No mapping made by hand is called ${name}; there are: ${known}`;
      throw new ApplianceError(message, "ENOENT", EXIT_FAILED);
    }
    const chosen = manual.filter(({ mapping }) =>
      names.length === 0 || names.includes(mapping.name)
    );
    const sessions = new Map(chosen.map(({ session }) => [session.sessname, session]));
    for (const { sessname } of config.sessions) sessions.delete(sessname);
    return configText([...sessions.values()], chosen.map(({ mapping }) => mapping));
  }
}
