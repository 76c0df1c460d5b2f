/** An NBD client written by hand, for what well-behaved clients never do. */
import { Buffer } from "node:buffer";
import {
  CHUNK,
  CHUNK_FLAG,
  CHUNK_TYPE,
  COMMAND,
  EXPORT_REPLY,
  GREETING,
  HANDSHAKE_FLAG,
  MAGIC,
  OPTION,
  OPTION_HEADER,
  OPTION_REPLY,
  REPLY,
  REQUEST,
  SIMPLE_REPLY,
} from "../../../src/nbd/protocol.ts";

/** Fields of a request; what is left out is 0. */
export interface RawRequest {
  readonly command: number;
  readonly flags?: number;
  readonly offset?: number;
  readonly length?: number;
  readonly payload?: Uint8Array;
  readonly magic?: number;
}

/** Everything that answered one request. */
export interface RawAnswer {
  /** 0, or the error of the simple reply or of the error chunk. */
  error: number;
  /** Data of a READ, put together. */
  data: Uint8Array;
  /** How many chunks there were; 0 for a simple reply. */
  chunks: number;
  /** How many of them carried data. */
  dataChunks: number;
  /** Offset in ERROR_OFFSET, or -1. */
  errorOffset: number;
  text: string;
}

/** One reply to an option. */
export interface OptionAnswer {
  readonly type: number;
  readonly payload: Uint8Array;
}

interface Pending {
  readonly request: RawRequest;
  readonly answer: RawAnswer;
  done: boolean;
}

/** A request as bytes, payload included. */
export function encodeRequest(request: RawRequest, cookie: number): Uint8Array<ArrayBuffer> {
  const payload = request.payload ?? new Uint8Array(0);
  const bytes = Buffer.alloc(REQUEST.BYTES + payload.length);
  bytes.writeUInt32BE(request.magic ?? MAGIC.REQUEST, REQUEST.MAGIC);
  bytes.writeUInt16BE(request.flags ?? 0, REQUEST.FLAGS);
  bytes.writeUInt16BE(request.command, REQUEST.COMMAND);
  bytes.writeBigUInt64BE(BigInt(cookie), REQUEST.COOKIE);
  bytes.writeBigUInt64BE(BigInt(request.offset ?? 0), REQUEST.OFFSET);
  bytes.writeUInt32BE(request.length ?? payload.length, REQUEST.LENGTH);
  bytes.set(payload, REQUEST.BYTES);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) as Uint8Array<ArrayBuffer>;
}

/** An option as bytes. */
export function encodeOption(
  option: number,
  data: Uint8Array = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(OPTION_HEADER.BYTES + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC.OPTION_HIGH);
  view.setUint32(4, MAGIC.OPTION_LOW);
  view.setUint32(OPTION_HEADER.OPTION, option);
  view.setUint32(OPTION_HEADER.LENGTH, data.length);
  bytes.set(data, OPTION_HEADER.BYTES);
  return bytes;
}

/** Data of NBD_OPT_INFO and NBD_OPT_GO. */
export function infoRequest(name: string, types: readonly number[] = []): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(name);
  const data = new Uint8Array(4 + bytes.length + 2 + types.length * 2);
  const view = new DataView(data.buffer);
  view.setUint32(0, bytes.length);
  data.set(bytes, 4);
  view.setUint16(4 + bytes.length, types.length);
  types.forEach((type, i) => view.setUint16(6 + bytes.length + i * 2, type));
  return data;
}

/** One connection. */
export class RawClient implements Disposable {
  sizeBytes = 0;
  transmissionFlags = 0;
  private nextCookie = 0x0102_0304_0506;
  private readonly pending = new Map<number, Pending>();

  private constructor(readonly connection: Deno.Conn, private readonly structured: boolean) {}

  /** Connects and reads the greeting, nothing more. */
  static async connect(path: string, structured = true): Promise<RawClient> {
    const client = new RawClient(await Deno.connect({ transport: "unix", path }), structured);
    await client.read(GREETING.BYTES);
    return client;
  }

  /** Connects and enters the transmission phase, with or without structured replies. */
  static async open(path: string, structured = true): Promise<RawClient> {
    const client = await RawClient.connect(path, structured);
    const flags = HANDSHAKE_FLAG.FIXED_NEWSTYLE | HANDSHAKE_FLAG.NO_ZEROES;
    await client.write(new Uint8Array([0, 0, 0, flags]));
    if (!structured) {
      await client.write(encodeOption(OPTION.EXPORT_NAME));
      client.takeExport(await client.read(EXPORT_REPLY.BYTES), 0);
      return client;
    }
    await client.option(OPTION.STRUCTURED_REPLY);
    const replies = await client.option(OPTION.GO, infoRequest(""));
    const exported = replies.find(({ type, payload }) =>
      type === REPLY.INFO && payload.length === 12
    )!;
    client.takeExport(exported.payload, 2);
    return client;
  }

  private takeExport(bytes: Uint8Array, at: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    this.sizeBytes = Number(view.getBigUint64(EXPORT_REPLY.SIZE));
    this.transmissionFlags = view.getUint16(EXPORT_REPLY.FLAGS);
  }

  /** Sends an option and collects its replies up to the final one. */
  async option(option: number, data?: Uint8Array): Promise<OptionAnswer[]> {
    await this.write(encodeOption(option, data));
    const answers: OptionAnswer[] = [];
    for (;;) {
      const header = new DataView((await this.read(OPTION_REPLY.BYTES)).buffer);
      const type = header.getUint32(OPTION_REPLY.TYPE);
      const payload = await this.read(header.getUint32(OPTION_REPLY.LENGTH));
      answers.push({ type, payload });
      if (type !== REPLY.SERVER && type !== REPLY.INFO) return answers;
    }
  }

  /** Sends a request without waiting; returns its cookie. */
  async send(request: RawRequest): Promise<number> {
    const cookie = this.nextCookie++;
    this.expect(request, cookie);
    await this.write(encodeRequest(request, cookie));
    return cookie;
  }

  /** Sends many requests in as few writes as the socket takes; returns their cookies. */
  async sendAll(requests: readonly RawRequest[]): Promise<number[]> {
    const cookies = requests.map((request) => {
      this.expect(request, this.nextCookie);
      return this.nextCookie++;
    });
    await this.write(Buffer.concat(requests.map((one, i) => encodeRequest(one, cookies[i]!))));
    return cookies;
  }

  /** Cookies of all requests that have not been answered. */
  get expected(): number[] {
    return [...this.pending.keys()];
  }

  private expect(request: RawRequest, cookie: number): void {
    const reads = request.command === COMMAND.READ;
    const answer = {
      error: 0,
      data: new Uint8Array(reads && (request.length ?? 0) <= 1 << 26 ? request.length ?? 0 : 0),
      chunks: 0,
      dataChunks: 0,
      errorOffset: -1,
      text: "",
    };
    this.pending.set(cookie, { request, answer, done: false });
  }

  /** Waits for the answer to a request. @throws UnexpectedEof when the server hangs up */
  async answer(cookie: number): Promise<RawAnswer> {
    const pending = this.pending.get(cookie)!;
    while (!pending.done) await this.readMessage();
    this.pending.delete(cookie);
    return pending.answer;
  }

  /** Sends a request and waits for its answer. */
  async call(request: RawRequest): Promise<RawAnswer> {
    return await this.answer(await this.send(request));
  }

  private find(cookie: bigint): Pending {
    const pending = this.pending.get(Number(cookie));
    if (pending === undefined || pending.done) throw new Error(`Reply to nobody: ${cookie}`);
    return pending;
  }

  private async readMessage(): Promise<void> {
    const start = await this.read(SIMPLE_REPLY.BYTES);
    const view = new DataView(start.buffer);
    if (view.getUint32(0) === MAGIC.SIMPLE_REPLY) {
      const pending = this.find(view.getBigUint64(SIMPLE_REPLY.COOKIE));
      const { request, answer } = pending;
      if (request.command === COMMAND.READ && this.structured) {
        throw new Error("Simple reply to a READ on a connection with structured replies");
      }
      answer.error = view.getUint32(SIMPLE_REPLY.ERROR);
      pending.done = true;
      if (request.command === COMMAND.READ && answer.error === 0) {
        answer.data = await this.read(request.length ?? 0);
      }
      return;
    }
    if (view.getUint32(0) !== MAGIC.STRUCTURED_REPLY || !this.structured) {
      throw new Error(`Wrong magic of a reply: ${view.getUint32(0).toString(16)}`);
    }
    const lengthBytes = await this.read(CHUNK.BYTES - SIMPLE_REPLY.BYTES);
    const payload = await this.read(new DataView(lengthBytes.buffer).getUint32(0));
    const pending = this.find(view.getBigUint64(CHUNK.COOKIE));
    pending.done = (view.getUint16(CHUNK.FLAGS) & CHUNK_FLAG.DONE) !== 0;
    this.takeChunk(pending, view.getUint16(CHUNK.TYPE), payload);
  }

  private takeChunk({ request, answer }: Pending, type: number, payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    answer.chunks++;
    if (type === CHUNK_TYPE.OFFSET_DATA) {
      answer.dataChunks++;
      const at = Number(view.getBigUint64(0)) - (request.offset ?? 0);
      if (at < 0 || at + payload.length - 8 > answer.data.length) throw new Error("Stray chunk");
      answer.data.set(payload.subarray(8), at);
    } else if (type === CHUNK_TYPE.ERROR || type === CHUNK_TYPE.ERROR_OFFSET) {
      answer.error = view.getUint32(0);
      const textLength = view.getUint16(4);
      answer.text = new TextDecoder().decode(payload.subarray(6, 6 + textLength));
      const offsetBytes = payload.length - 6 - textLength;
      if (offsetBytes !== (type === CHUNK_TYPE.ERROR ? 0 : 8)) throw new Error("Bent error chunk");
      if (offsetBytes === 8) answer.errorOffset = Number(view.getBigUint64(6 + textLength));
    } else {
      throw new Error(`Chunk type ${type}`);
    }
  }

  /** Writes bytes as they are. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.connection.write(bytes.subarray(at));
  }

  /** Reads exactly so many bytes. @throws UnexpectedEof when the server hangs up before */
  async read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const count = await this.connection.read(bytes.subarray(at));
      if (count === null) throw new Deno.errors.UnexpectedEof(`after ${at} of ${length} bytes`);
      at += count;
    }
    return bytes;
  }

  /** True when the server hung up and had nothing more to say. */
  async isCut(): Promise<boolean> {
    try {
      return await this.connection.read(new Uint8Array(1)) === null;
    } catch (error) {
      return error instanceof Deno.errors.ConnectionReset;
    }
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}
