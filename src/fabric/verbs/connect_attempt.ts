/** One attempt to connect: address → objects → route → connect → established. */
import { ERRNO } from "../../ffi/errno.ts";
import {
  type CmEvent,
  connect,
  createId,
  destroyId,
  resolveAddress,
  resolveRoute,
  setReuseAddress,
} from "../../ffi/librdmacm.ts";
import { CM_EVENT } from "../../ffi/verbs_layout.ts";
import type { ConnectAttempt, ConnectOutcome, ConnectTarget, FabricFailure } from "../fabric.ts";
import { encodeCmAddress, portSpaceOf, type VerbsAddressKind } from "./cm_address.ts";
import type { CmChannel, CmOwner } from "./cm_channel.ts";
import type { ConnectionMaker, ConnectionObjects } from "./connection_objects.ts";
import { failureOfError, failureOfEvent, isConsumerReject } from "./failure.ts";
import { RETRY_COUNT } from "./limits.ts";
import type { LiveConnections } from "./live_connections.ts";

/** What attempts and listeners of one fabric share. */
export interface CmContext {
  readonly kind: VerbsAddressKind;
  readonly channel: CmChannel;
  readonly maker: ConnectionMaker;
  readonly live: LiveConnections;
}

/** Words that are added where the kernel knows no device for an address. */
export function adviceForAddress(kind: VerbsAddressKind, errno: number): string {
  if (errno !== ERRNO.ENODEV) return "";
  return kind === "gid"
    ? " (GID addresses need an InfiniBand port; on Ethernet, RoCE, write the ip: address)"
    : " (no RDMA device has this address: see `rdma link`)";
}

/** Tells its owner once, unless it is called off; never from within the constructor. */
export class VerbsConnectAttempt implements ConnectAttempt, CmOwner {
  private readonly subject: string;
  private readonly timer: ReturnType<typeof setTimeout>;
  private readonly endsAtMs: number;
  private id = 0;
  private objects: ConnectionObjects | undefined;
  private ended = false;
  /** What a time-out says. */
  private awaited = "the address to be resolved";

  constructor(
    private readonly context: CmContext,
    private readonly target: ConnectTarget,
    private readonly done: (outcome: ConnectOutcome) => void,
  ) {
    this.subject = `${context.kind}:${target.destination} port ${target.port}`;
    this.endsAtMs = performance.now() + target.timeoutMs;
    this.timer = setTimeout(() => this.onTimeout(), target.timeoutMs);
    queueMicrotask(() => this.step(() => this.start()));
  }

  cancel(): void {
    this.end();
  }

  /** Runs one step; what it throws ends the attempt. */
  private step(run: () => void): void {
    if (this.ended) return;
    try {
      run();
    } catch (cause) {
      const { errno, reason } = failureOfError(cause, this.subject);
      this.fail({ errno, reason: `${reason}${adviceForAddress(this.context.kind, errno)}` });
    }
  }

  private start(): void {
    const { kind, channel } = this.context;
    const { source, destination, port } = this.target;
    const to = encodeCmAddress(kind, destination, port);
    const from = source === undefined ? undefined : encodeCmAddress(kind, source, 0);
    this.id = createId(channel.open(), portSpaceOf(kind));
    channel.own(this.id, this);
    setReuseAddress(this.id);
    resolveAddress(this.id, from, to, this.remainingMs(), `${kind}:${destination}`);
  }

  private remainingMs(): number {
    return Math.max(1, Math.ceil(this.endsAtMs - performance.now()));
  }

  onCmEvent(event: CmEvent): void {
    this.step(() => this.onEvent(event));
  }

  private onEvent(event: CmEvent): void {
    switch (event.type) {
      case CM_EVENT.ADDR_RESOLVED:
        this.objects = this.context.maker.make(this.id, this.target.limits);
        this.awaited = "a route";
        resolveRoute(this.id, this.remainingMs(), this.subject);
        break;
      case CM_EVENT.ROUTE_RESOLVED:
        this.awaited = "the peer's answer";
        connect(this.id, {
          privateData: this.target.privateData,
          responderResources: 0,
          initiatorDepth: 0,
          retryCount: RETRY_COUNT,
          rnrRetryCount: RETRY_COUNT,
        }, this.subject);
        break;
      case CM_EVENT.ESTABLISHED:
        this.onEstablished(event.privateData);
        break;
      default:
        this.onRefused(event);
    }
  }

  private onEstablished(privateData: Uint8Array): void {
    const ticket = this.context.live.add(this.objects!);
    this.objects = undefined;
    this.id = 0;
    this.end();
    this.done({ kind: "established", ticket, privateData });
  }

  private onRefused(event: CmEvent): void {
    if (!isConsumerReject(event)) {
      this.fail(failureOfEvent(event, this.subject));
      return;
    }
    this.end();
    this.done({ kind: "rejected", privateData: event.privateData });
  }

  private onTimeout(): void {
    const reason = `${this.subject}: waited ${this.target.timeoutMs} ms for ${this.awaited}`;
    this.fail({ errno: ERRNO.ETIMEDOUT, reason });
  }

  private fail(failure: FabricFailure): void {
    if (this.ended) return;
    this.end();
    this.done({ kind: "failed", failure });
  }

  /** Frees what the attempt still holds. */
  private end(): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.timer);
    if (this.id === 0) return;
    this.context.channel.disown(this.id);
    if (this.objects !== undefined) this.objects.destroy();
    else destroyId(this.id);
  }
}
