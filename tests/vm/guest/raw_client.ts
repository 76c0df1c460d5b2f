/** A client of RTRS and RNBD on a {@link RawNode}: right by itself, wrong where a case says so. */
import { accessModeCode } from "../../../src/rnbd/access_mode.ts";
import {
  encodeIo,
  encodeOpen,
  encodeSessionInfo,
  IO,
  OPEN,
  OPEN_RSP,
  RNBD_MESSAGE,
  SESS_INFO,
} from "../../../src/rnbd/codec.ts";
import {
  CONN_REQ,
  type ConnectAccept,
  decodeConnectAccept,
  encodeConnectRequest,
} from "../../../src/rtrs/connect_codec.ts";
import { NEW_RKEY_FLAG } from "../../../src/rtrs/constants.ts";
import {
  type ChunkRegion,
  decodeInfoResponse,
  encodeInfoRequest,
  INFO_REQ,
} from "../../../src/rtrs/info_codec.ts";
import { memoryBits, requestImmediate, responseErrno } from "../../../src/rtrs/immediate.ts";
import {
  encodeReadInto,
  encodeWrite,
  READ_WITH_BUFFER_BYTES,
  RKEY_RSP,
  WRITE_BYTES,
} from "../../../src/rtrs/request_codec.ts";
import { waitFor } from "../../support/process.ts";
import { RAW_TIMEOUT_MS, type RawConnection, type RawNode, type RawOutcome } from "./raw_node.ts";

const PORT = 1234;
const UUID_BYTES = 16;
const TWO_32 = 2 ** 32;
/** Places in a connection's window: headers are built at its start, data lies behind. */
const DATA_AT = 4096;

/** A connect request as a case wants it. */
export interface RawConnectRequest {
  readonly cid?: number;
  readonly cidNum?: number;
  readonly firstConn?: boolean;
  readonly pathUuid: Uint8Array;
  readonly sessionUuid: Uint8Array;
  readonly magic?: number;
  readonly version?: number;
}

/** Sixteen random bytes. */
export const randomUuid = (): Uint8Array => crypto.getRandomValues(new Uint8Array(UUID_BYTES));

/** The 56 bytes of a connect request, with nonsense where it is given. */
export function connectBytes(request: RawConnectRequest): Uint8Array {
  const { cid = 0, cidNum = 1, firstConn = true, pathUuid, sessionUuid } = request;
  const fields = { cid, cidNum, reconCnt: 1, pathUuid, sessionUuid, firstConn };
  const bytes = encodeConnectRequest(fields);
  const view = new DataView(bytes.buffer);
  if (request.magic !== undefined) view.setUint16(CONN_REQ.MAGIC, request.magic, true);
  if (request.version !== undefined) view.setUint16(CONN_REQ.VERSION, request.version, true);
  return bytes;
}

/** The 272 bytes of INFO_REQ; the name is not looked at. */
export function infoBytes(sessname: string): Uint8Array {
  const bytes = new Uint8Array(INFO_REQ.BYTES);
  encodeInfoRequest(bytes, sessname);
  return bytes;
}

/** A path with all its connections; one request at a time. */
export class RawClient {
  readonly connections: RawConnection[] = [];
  readonly pathUuid = randomUuid();
  readonly sessionUuid = randomUuid();
  offer!: ConnectAccept;
  private address = { high: 0, low: 0 };
  /** Of chunk 0, the only one that is used. */
  private rkey = 0;

  private constructor(private readonly node: RawNode, private readonly cidNum: number) {}

  /** Connects `count` of the `cidNum` connections of a path and says nothing more. */
  static async connect(node: RawNode, count: number, cidNum = count): Promise<RawClient> {
    const client = new RawClient(node, cidNum);
    for (let cid = 0; cid < count; cid++) {
      const outcome = await client.tryConnect({ cid });
      if (outcome.kind !== "established") throw new Error(JSON.stringify(outcome));
      client.connections.push(outcome.connection);
      const offer = decodeConnectAccept(outcome.answer);
      if (typeof offer === "string") throw new Error(offer);
      client.offer = offer;
    }
    return client;
  }

  /** A whole session of two connections, by this name. */
  static async open(node: RawNode, sessname: string): Promise<RawClient> {
    const client = await RawClient.connect(node, 2);
    client.sendInfo(infoBytes(sessname));
    const { service } = client;
    await waitFor(() => service.messages.length > 0, RAW_TIMEOUT_MS, "INFO_RSP");
    const { queueDepth, maxIoBytes, maxHeaderBytes } = client.offer;
    const chunkBytes = maxIoBytes + maxHeaderBytes;
    const regions = decodeInfoResponse(service.messages.shift()!, queueDepth, chunkBytes);
    if (typeof regions === "string") throw new Error(regions);
    client.use(regions[0]!);
    await client.greet();
    return client;
  }

  private use(region: ChunkRegion): void {
    this.address = region;
    this.rkey = region.rkey;
  }

  /** One more connect request of this path and session, changed as the case wants it. */
  tryConnect(change: Partial<RawConnectRequest>): Promise<RawOutcome> {
    const { pathUuid, sessionUuid, cidNum } = this;
    return this.node.connect(connectBytes({ pathUuid, sessionUuid, cidNum, ...change }), PORT);
  }

  get service(): RawConnection {
    return this.connections[0]!;
  }

  get isBroken(): boolean {
    return this.connections.some(({ failure }) => failure !== undefined);
  }

  /** Sends bytes as a message on the service connection. */
  sendInfo(bytes: Uint8Array): void {
    this.send(0, bytes);
  }

  /** Sends bytes as a message on any connection. */
  send(cid: number, bytes: Uint8Array): void {
    const { fabric, window } = this.connections[cid]!;
    this.node.memory.arena.u8.set(bytes, window);
    fabric.send(window, bytes.length);
  }

  /** Waits until the server has closed all of the path. */
  async untilClosed(what: string): Promise<void> {
    for (const connection of this.connections) await connection.untilBroken(what);
  }

  /** Leaves. */
  async close(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.close()));
  }

  private get view(): DataView {
    return this.node.memory.arena.view;
  }

  /** Writes `length` bytes from the start of the window to `offset` of chunk 0, then says so. */
  private post(cid: number, offset: number, length: number, immediate: number): void {
    const { fabric, window } = this.connections[cid]!;
    const low = this.address.low + offset;
    const carry = Math.floor(low / TWO_32);
    const high = this.address.high + carry;
    fabric.writeImmediate(window, length, 0, 0, this.rkey, high, low % TWO_32, immediate);
  }

  /** Takes over new keys, and gives the errno of the answer. @throws when the path breaks */
  private async answer(cid: number): Promise<number> {
    const connection = this.connections[cid]!;
    const hasCome = () => connection.immediates.length > 0 || this.isBroken;
    await waitFor(hasCome, RAW_TIMEOUT_MS, `an answer on connection ${cid}`);
    if (connection.immediates.length === 0) {
      throw new Error(`broken: ${JSON.stringify(connection.failure)}`);
    }
    if ((this.offer.flags & NEW_RKEY_FLAG) !== 0) {
      const message = connection.messages.shift()!;
      const view = new DataView(message.buffer, message.byteOffset, message.length);
      this.rkey = view.getUint32(RKEY_RSP.RKEY, true);
    }
    return responseErrno(connection.immediates.shift()!);
  }

  /**
   * Sends an RTRS READ with room for `dataBytes` and gives the errno of the answer.
   * @param build writes the user message and returns its length
   */
  async read(
    cid: number,
    dataBytes: number,
    build: (view: DataView, at: number) => number,
  ): Promise<number> {
    const { window, memory } = this.connections[cid]!;
    const userBytes = build(this.view, window);
    const { high, low } = memory.address;
    const at = low + DATA_AT;
    const message = window + userBytes;
    const { rkey } = memory;
    encodeReadInto(this.view, message, userBytes, 0, high, at, rkey, dataBytes);
    const immediate = requestImmediate(0, dataBytes + userBytes, memoryBits(this.offer.queueDepth));
    this.post(cid, dataBytes, userBytes + READ_WITH_BUFFER_BYTES, immediate);
    return await this.answer(cid);
  }

  /** Sends an RTRS WRITE of `dataBytes` zeroes and gives the errno of the answer. */
  async write(
    cid: number,
    dataBytes: number,
    build: (view: DataView, at: number) => number,
  ): Promise<number> {
    const { window } = this.connections[cid]!;
    this.node.memory.arena.u8.fill(0, window, window + dataBytes);
    const userBytes = build(this.view, window + dataBytes);
    const offset = dataBytes + userBytes;
    encodeWrite(this.view, window + offset, userBytes);
    const immediate = requestImmediate(0, offset, memoryBits(this.offer.queueDepth));
    this.post(cid, 0, offset + WRITE_BYTES, immediate);
    return await this.answer(cid);
  }

  private async greet(): Promise<void> {
    const errno = await this.read(0, SESS_INFO.BYTES, (view, at) => {
      encodeSessionInfo(view, at, RNBD_MESSAGE.SESS_INFO);
      return SESS_INFO.BYTES;
    });
    if (errno !== 0) throw new Error(`SESS_INFO: errno ${errno}`);
  }

  /** Opens a device; `mode` may be a code that does not exist. */
  open(devicePath: string, mode: "ro" | "rw" | "migration" | number): Promise<number> {
    return this.read(0, OPEN_RSP.BYTES, (view, at) => {
      encodeOpen(view, at, typeof mode === "number" ? 0 : accessModeCode(mode), devicePath);
      if (typeof mode === "number") view.setUint8(at + OPEN.ACCESS_MODE, mode);
      return OPEN.BYTES;
    });
  }

  /** Id of the device that {@link open} opened last. */
  get openedId(): number {
    return this.view.getUint32(this.service.window + DATA_AT + OPEN_RSP.DEVICE_ID, true);
  }

  /** A read of a device on the I/O connection; `saidBytes` is what its IO message says. */
  readDevice(id: number, offset: number, bytes: number, saidBytes = bytes): Promise<number> {
    const rw = 0x100;
    return this.read(1, bytes, (view, at) => {
      encodeIo(view, at, id, rw, offset, saidBytes);
      return IO.BYTES;
    });
  }

  /** A write of zeroes. */
  writeDevice(id: number, offset: number, bytes: number): Promise<number> {
    const rw = 0x101;
    return this.write(1, bytes, (view, at) => {
      encodeIo(view, at, id, rw, offset, bytes);
      return IO.BYTES;
    });
  }

  /** Points an immediate at an RTRS message of this type and offset, which breaks the protocol. */
  breakRequest(offset: number, type: number): void {
    const { window } = this.connections[1]!;
    encodeWrite(this.view, window, IO.BYTES);
    this.view.setUint16(window, type, true);
    const inside = offset + WRITE_BYTES <= this.offer.maxIoBytes + this.offer.maxHeaderBytes;
    const immediate = requestImmediate(0, offset, memoryBits(this.offer.queueDepth));
    this.post(1, inside ? offset : 0, inside ? WRITE_BYTES : 0, immediate);
  }
}
