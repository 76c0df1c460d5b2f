/** Somebody asks to connect: accepted or rejected on main. */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import {
  accept,
  type CmEvent,
  destinationAddress,
  destroyId,
  reject,
  sourceAddress,
} from "../../ffi/librdmacm.ts";
import { CM_EVENT } from "../../ffi/verbs_layout.ts";
import type { ConnectionRequest, FabricFailure, QueueLimits } from "../fabric.ts";
import { formatCmAddress } from "./cm_address.ts";
import type { CmOwner } from "./cm_channel.ts";
import type { CmContext } from "./connect_attempt.ts";
import type { ConnectionObjects } from "./connection_objects.ts";
import { failureOfError, failureOfEvent } from "./failure.ts";
import { ACCEPT_TIMEOUT_MS, RETRY_COUNT } from "./limits.ts";

type AcceptDone = Parameters<ConnectionRequest["accept"]>[2];

/** See the head of this file. */
export class VerbsConnectionRequest implements ConnectionRequest, CmOwner {
  readonly privateData: Uint8Array;
  readonly localAddress: string;
  readonly remoteAddress: string;
  private readonly id: number;
  private objects: ConnectionObjects | undefined;
  private done: AcceptDone | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** The peer went away before it was answered. */
  private lost: FabricFailure | undefined;

  /** @param event the CONNECT_REQUEST, whose id belongs to this object from now on */
  constructor(private readonly context: CmContext, event: CmEvent) {
    this.id = event.id;
    this.privateData = event.privateData;
    this.localAddress = formatCmAddress(sourceAddress(event.id));
    this.remoteAddress = formatCmAddress(destinationAddress(event.id));
    context.channel.own(event.id, this);
  }

  accept(privateData: Uint8Array, limits: QueueLimits, done: AcceptDone): void {
    this.done = done;
    try {
      if (this.lost !== undefined) {
        throw new SystemError(this.lost.errno, "rdma_accept", "a peer that went away");
      }
      this.objects = this.context.maker.make(this.id, limits);
      accept(this.id, {
        privateData,
        responderResources: 0,
        initiatorDepth: 0,
        retryCount: RETRY_COUNT,
        rnrRetryCount: RETRY_COUNT,
      }, this.remoteAddress);
      this.timer = setTimeout(() => this.onTimeout(), ACCEPT_TIMEOUT_MS);
    } catch (cause) {
      const failure = failureOfError(cause, this.remoteAddress);
      this.tellRejected(new Uint8Array());
      // The outcome is told after `accept` has returned.
      queueMicrotask(() => this.fail(failure));
    }
  }

  reject(privateData: Uint8Array): void {
    this.tellRejected(privateData);
    this.end();
  }

  private tellRejected(privateData: Uint8Array): void {
    try {
      reject(this.id, privateData, this.remoteAddress);
    } catch (cause) {
      // The peer did not wait.
      if (!(cause instanceof SystemError)) throw cause;
    }
  }

  onCmEvent(event: CmEvent): void {
    if (event.type === CM_EVENT.ESTABLISHED) this.onEstablished();
    else if (this.done === undefined) this.lost = failureOfEvent(event, this.remoteAddress);
    else this.fail(failureOfEvent(event, this.remoteAddress));
  }

  private onEstablished(): void {
    clearTimeout(this.timer);
    const { objects, done } = this;
    this.done = undefined;
    const ticket = this.context.live.add(objects!);
    done!({ ticket });
  }

  private onTimeout(): void {
    const reason = `${this.remoteAddress}: the peer did not confirm the connection`;
    this.fail({ errno: ERRNO.ETIMEDOUT, reason });
  }

  private fail(failure: FabricFailure): void {
    const { done } = this;
    if (done === undefined) return;
    this.done = undefined;
    this.end();
    done({ failure });
  }

  private end(): void {
    clearTimeout(this.timer);
    this.context.channel.disown(this.id);
    if (this.objects !== undefined) this.objects.destroy();
    else destroyId(this.id);
  }
}
