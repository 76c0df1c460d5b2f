/** A listening id: every request becomes an object that its owner answers. */
import { SystemError } from "../../ffi/errno.ts";
import {
  bindAddress,
  type CmEvent,
  createId,
  destroyId,
  listen,
  setAddressFamilyOnly,
  setReuseAddress,
  sourceAddress,
} from "../../ffi/librdmacm.ts";
import { CM_EVENT } from "../../ffi/verbs_layout.ts";
import type { ConnectionRequest, FabricListener } from "../fabric.ts";
import { encodeCmAddress, portOfCmAddress, portSpaceOf } from "./cm_address.ts";
import type { CmOwner } from "./cm_channel.ts";
import { adviceForAddress, type CmContext } from "./connect_attempt.ts";
import { VerbsConnectionRequest } from "./connection_request.ts";
import { LISTEN_BACKLOG } from "./limits.ts";

/** Listens until closed; requests and connections made stay. */
export class VerbsListener implements FabricListener, CmOwner {
  readonly localAddress: string;
  readonly port: number;
  private readonly id: number;
  private closed = false;

  /** @throws SystemError when the address cannot be had */
  constructor(
    private readonly context: CmContext,
    address: string,
    port: number,
    private readonly onRequest: (request: ConnectionRequest) => void,
  ) {
    const { kind, channel } = context;
    this.localAddress = `${kind}:${address}`;
    const subject = `${this.localAddress} port ${port}`;
    const sockaddr = encodeCmAddress(kind, address, port);
    this.id = createId(channel.open(), portSpaceOf(kind));
    try {
      setReuseAddress(this.id);
      if (kind === "ip" && address.includes(":")) setAddressFamilyOnly(this.id);
      bindAddress(this.id, sockaddr, subject);
      listen(this.id, LISTEN_BACKLOG, subject);
    } catch (cause) {
      destroyId(this.id);
      if (!(cause instanceof SystemError)) throw cause;
      const advice = adviceForAddress(kind, cause.errno);
      throw new SystemError(cause.errno, cause.call, `${subject}${advice}`);
    }
    this.port = portOfCmAddress(sourceAddress(this.id));
    channel.own(this.id, this);
  }

  onCmEvent(event: CmEvent): void {
    if (event.type !== CM_EVENT.CONNECT_REQUEST) return;
    this.onRequest(new VerbsConnectionRequest(this.context, event));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.context.channel.disown(this.id);
    destroyId(this.id);
  }
}
