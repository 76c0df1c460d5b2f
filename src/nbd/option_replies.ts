/** Builds the server's half of the negotiation. Control plane: allocates freely. */
import type { BlockGeometry } from "../rnbd/block_queue.ts";
import { blockSizes, type NbdExport, transmissionFlags } from "./export_description.ts";
import { PAYLOAD_BYTES_MAX } from "./limits.ts";
import { EXPORT_REPLY, INFO, MAGIC, OPTION_REPLY, REPLY } from "./protocol.ts";

const encoder = new TextEncoder();
const HIGH = 2 ** 32;

/** Collects bytes; {@link take} gives them and starts anew. */
export class OptionReplies {
  private parts: Uint8Array[] = [];

  /** Appends bytes as they are. */
  append(bytes: Uint8Array): void {
    this.parts.push(bytes);
  }

  /** One reply to `option`. */
  reply(option: number, type: number, payload: Uint8Array = new Uint8Array(0)): void {
    const header = new Uint8Array(OPTION_REPLY.BYTES);
    const view = new DataView(header.buffer);
    view.setUint32(OPTION_REPLY.MAGIC, MAGIC.OPTION_REPLY_HIGH);
    view.setUint32(OPTION_REPLY.MAGIC + 4, MAGIC.OPTION_REPLY_LOW);
    view.setUint32(OPTION_REPLY.OPTION, option);
    view.setUint32(OPTION_REPLY.TYPE, type);
    view.setUint32(OPTION_REPLY.LENGTH, payload.length);
    this.append(header);
    this.append(payload);
  }

  /** An error reply; `text` is meant for a human being. */
  refuse(option: number, type: number, text: string): void {
    this.reply(option, type, encoder.encode(text));
  }

  /** NBD_REP_SERVER: name and description. */
  server(option: number, subject: NbdExport): void {
    const name = encoder.encode(subject.name);
    const description = encoder.encode(subject.description);
    const payload = new Uint8Array(4 + name.length + description.length);
    new DataView(payload.buffer).setUint32(0, name.length);
    payload.set(name, 4);
    payload.set(description, 4 + name.length);
    this.reply(option, REPLY.SERVER, payload);
  }

  /** NBD_INFO_EXPORT. */
  infoExport(option: number, geometry: BlockGeometry, structured: boolean): void {
    const payload = this.info(INFO.EXPORT, EXPORT_REPLY.BYTES);
    writeExport(new DataView(payload.buffer), 2, geometry, structured);
    this.reply(option, REPLY.INFO, payload);
  }

  /** NBD_INFO_NAME or NBD_INFO_DESCRIPTION. */
  infoText(option: number, type: number, text: string): void {
    const bytes = encoder.encode(text);
    const payload = this.info(type, bytes.length);
    payload.set(bytes, 2);
    this.reply(option, REPLY.INFO, payload);
  }

  /** NBD_INFO_BLOCK_SIZE. */
  infoBlockSize(option: number, geometry: BlockGeometry): void {
    const { minimum, preferred } = blockSizes(geometry);
    const payload = this.info(INFO.BLOCK_SIZE, 12);
    const view = new DataView(payload.buffer);
    view.setUint32(2, minimum);
    view.setUint32(6, preferred);
    view.setUint32(10, PAYLOAD_BYTES_MAX);
    this.reply(option, REPLY.INFO, payload);
  }

  /** The answer to NBD_OPT_EXPORT_NAME. */
  exportName(geometry: BlockGeometry, structured: boolean, noZeroes: boolean): void {
    const padding = noZeroes ? 0 : EXPORT_REPLY.PADDING;
    const payload = new Uint8Array(EXPORT_REPLY.BYTES + padding);
    writeExport(new DataView(payload.buffer), 0, geometry, structured);
    this.append(payload);
  }

  /** Everything since the last call, as one buffer. */
  take(): Uint8Array {
    const total = this.parts.reduce((sum, part) => sum + part.length, 0);
    const bytes = new Uint8Array(total);
    let at = 0;
    for (const part of this.parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.parts = [];
    return bytes;
  }

  private info(type: number, length: number): Uint8Array<ArrayBuffer> {
    const payload = new Uint8Array(2 + length);
    new DataView(payload.buffer).setUint16(0, type);
    return payload;
  }
}

function writeExport(
  view: DataView,
  at: number,
  geometry: BlockGeometry,
  structured: boolean,
): void {
  view.setUint32(at + EXPORT_REPLY.SIZE, Math.floor(geometry.sizeBytes / HIGH));
  view.setUint32(at + EXPORT_REPLY.SIZE + 4, geometry.sizeBytes >>> 0);
  view.setUint16(at + EXPORT_REPLY.FLAGS, transmissionFlags(geometry, structured));
}
