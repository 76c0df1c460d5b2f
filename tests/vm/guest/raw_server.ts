/** A server of RTRS and RNBD on a {@link RawNode}: right by itself, wrong where a case says so. */
import type { ConnectionRequest } from "../../../src/fabric/fabric.ts";
import {
  encodeOpenResponse,
  encodeSessionInfo,
  messageType,
  type OpenResponse,
  RNBD_MESSAGE,
} from "../../../src/rnbd/codec.ts";
import {
  CONN_RSP,
  type ConnectAccept,
  decodeConnectRequest,
  encodeConnectAccept,
} from "../../../src/rtrs/connect_codec.ts";
import { RTRS_MAGIC, RTRS_VERSION } from "../../../src/rtrs/constants.ts";
import { encodeInfoResponse, infoResponseBytes } from "../../../src/rtrs/info_codec.ts";
import {
  memoryBits,
  requestBufferId,
  requestOffset,
  responseImmediate,
} from "../../../src/rtrs/immediate.ts";
import { checkRequest, ParsedRequest } from "../../../src/rtrs/server/gate.ts";
import type { RawConnection, RawNode } from "./raw_node.ts";

const OFFER: ConnectAccept = {
  queueDepth: 16,
  maxIoBytes: 32_768,
  maxHeaderBytes: 4096,
  flags: 0,
};
const CHUNK_BYTES = OFFER.maxIoBytes + OFFER.maxHeaderBytes;
/** Behind the chunks, in the window of the service connection. */
const INFO_AT = OFFER.queueDepth * CHUNK_BYTES;

const DEVICE: OpenResponse = {
  deviceId: 0,
  sizeSectors: 2048,
  maxHwSectors: 64,
  maxWriteZeroesSectors: 0,
  maxDiscardSectors: 0,
  discardGranularityBytes: 0,
  discardAlignmentBytes: 0,
  physicalBlockBytes: 512,
  logicalBlockBytes: 512,
  maxSegments: 128,
  secureDiscard: 0,
  cachePolicy: 0,
};

/** What a server does that a good one does not. */
export interface Manner {
  /** Every connect request is rejected with these bytes, or only the first `rejections`. */
  readonly reject?: Uint8Array;
  readonly rejections?: number;
  /** Connect requests get no answer. */
  readonly ignoresConnects?: boolean;
  /** What the accept says instead. */
  readonly accept?: Partial<ConnectAccept> & {
    readonly magic?: number;
    readonly version?: number;
    readonly errno?: number;
  };
  /** Changes INFO_RSP; `silence`: there is none, `disconnect`: neither a connection. */
  readonly info?: ((right: Uint8Array) => Uint8Array) | "silence" | "disconnect";
  /** Answers with an errno. */
  readonly greetErrno?: number;
  readonly openErrno?: number;
  /** What OPEN_RSP says instead. */
  readonly device?: Partial<OpenResponse>;
}

/** The 56 bytes of a reject with this errno as it is: negative when all is well. */
export function rejectBytes(errno: number): Uint8Array {
  const bytes = new Uint8Array(CONN_RSP.BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(CONN_RSP.MAGIC, RTRS_MAGIC, true);
  view.setUint16(CONN_RSP.VERSION, RTRS_VERSION, true);
  view.setInt16(CONN_RSP.ERRNO, errno, true);
  return bytes;
}

function acceptBytes(accept: Manner["accept"]): Uint8Array {
  const bytes = encodeConnectAccept({ ...OFFER, ...accept });
  const view = new DataView(bytes.buffer);
  if (accept?.magic !== undefined) view.setUint16(CONN_RSP.MAGIC, accept.magic, true);
  if (accept?.version !== undefined) view.setUint16(CONN_RSP.VERSION, accept.version, true);
  if (accept?.errno !== undefined) view.setInt16(CONN_RSP.ERRNO, accept.errno, true);
  return bytes;
}

/** Serves one client at a time on one port. */
export class RawServer implements AsyncDisposable {
  /** Connect requests that came. */
  requests = 0;
  private readonly unanswered: ConnectionRequest[] = [];
  private readonly parsed = new ParsedRequest();

  constructor(
    private readonly node: RawNode,
    readonly port: number,
    private readonly manner: Manner,
  ) {
    node.listen(port, (request) => this.onRequest(request));
  }

  private onRequest(request: ConnectionRequest): void {
    const { manner } = this;
    this.requests++;
    if (manner.ignoresConnects === true) return void this.unanswered.push(request);
    if (manner.reject !== undefined && this.requests <= (manner.rejections ?? Infinity)) {
      return request.reject(manner.reject);
    }
    const asked = decodeConnectRequest(request.privateData);
    if (typeof asked === "string") throw new Error(asked);
    this.node.accept(request, acceptBytes(manner.accept), (connection) => {
      if (asked.cid === 0) this.serve(connection);
    });
  }

  private serve(connection: RawConnection): void {
    connection.onReceived = () => {
      for (const _infoRequest of connection.messages.splice(0)) this.answerInfo(connection);
      for (const immediate of connection.immediates.splice(0)) this.answer(connection, immediate);
    };
  }

  private answerInfo({ fabric, window, memory }: RawConnection): void {
    const { info } = this.manner;
    if (info === "silence") return;
    if (info === "disconnect") return fabric.close();
    const right = new Uint8Array(infoResponseBytes(1));
    encodeInfoResponse(right, [{ ...memory.address, rkey: memory.rkey, length: INFO_AT }]);
    const bytes = info === undefined ? right : info(right);
    this.node.memory.arena.u8.set(bytes, window + INFO_AT);
    fabric.send(window + INFO_AT, bytes.length);
  }

  private answer({ fabric, window }: RawConnection, immediate: number): void {
    const { manner, parsed } = this;
    const { view } = this.node.memory.arena;
    const bits = memoryBits(OFFER.queueDepth);
    const chunk = requestBufferId(immediate, bits);
    const at = window + chunk * CHUNK_BYTES;
    const offset = requestOffset(immediate, bits);
    const problem = checkRequest(view, at, CHUNK_BYTES, OFFER.maxHeaderBytes, offset, parsed);
    if (problem !== 0) throw new Error(`The client's request is wrong: reason ${problem}`);
    const type = messageType(view, parsed.userAt);
    const { hasBuffer, dataLength, rkey, addressHigh, addressLow } = parsed;
    let errno = 0;
    if (type === RNBD_MESSAGE.SESS_INFO) {
      errno = manner.greetErrno ?? 0;
      encodeSessionInfo(view, at, RNBD_MESSAGE.SESS_INFO_RSP);
    } else if (type === RNBD_MESSAGE.OPEN) {
      errno = manner.openErrno ?? 0;
      encodeOpenResponse(view, at, { ...DEVICE, ...manner.device });
    }
    const answer = responseImmediate(chunk, errno, false);
    if (errno !== 0 || !hasBuffer) return fabric.immediate(answer);
    fabric.writeImmediate(at, dataLength, 0, 0, rkey, addressHigh, addressLow, answer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    // A request has to be answered to be freed.
    for (const request of this.unanswered.splice(0)) request.reject(rejectBytes(-1));
    return Promise.resolve();
  }
}
