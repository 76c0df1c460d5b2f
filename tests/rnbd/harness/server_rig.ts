/** The RNBD server above the RTRS server of tests/rtrs, with disks that exist by name only. */
import assert from "node:assert/strict";
import {
  decodeOpenResponse,
  encodeClose,
  encodeOpen,
  type OpenResponse,
} from "../../../src/rnbd/codec.ts";
import type { AccessModeName } from "../../../src/rnbd/access_mode.ts";
import type { BackendGeometry, BackendTicket } from "../../../src/rnbd/backend.ts";
import {
  type ExportOpener,
  type OpenOutcome,
  RnbdServer,
} from "../../../src/rnbd/server/server.ts";
import { requestImmediate, responseErrno } from "../../../src/rtrs/immediate.ts";
import { encodeReadInto, encodeWrite } from "../../../src/rtrs/request_codec.ts";
import type { ServerSession } from "../../../src/rtrs/server/session.ts";
import type { FakeConnection } from "../../rtrs/harness/fake_fabric.ts";
import { MAX_IO_BYTES, ServerRig, uuid } from "../../rtrs/harness/server_rig.ts";
import { ticketOf } from "./io_rig.ts";

/** 8 chunks: 25 bits are left for the offset. */
const BITS = 25;
const CHUNK_BYTES = MAX_IO_BYTES + 4096;
const CLIENT_BUFFER = { high: 0x7f00, low: 0x1000, rkey: 77 };

/** An open that the test ends. */
interface PendingOpen {
  readonly sessname: string;
  readonly devicePath: string;
  readonly mode: AccessModeName;
  readonly done: (outcome: OpenOutcome) => void;
}

/** A client's session with the server, on its service connection. */
export class AdminClient {
  private nextChunk = 0;
  /** What the last OPEN that succeeded was told. */
  lastOpen: OpenResponse | undefined;

  constructor(
    private readonly rig: RnbdServerRig,
    readonly session: ServerSession,
    readonly service: FakeConnection,
  ) {
    this.service.take();
  }

  /** Sends a request whose user message `write` writes; returns the chunk. */
  send(
    userLength: number,
    answerLength: number,
    write: (view: DataView, at: number) => void,
  ): number {
    const chunk = this.nextChunk++ % 8;
    const { view } = this.rig.rtrs.memory.arena;
    const at = this.chunkAt(chunk) + answerLength;
    // What the last request left there must not matter.
    this.rig.rtrs.memory.arena.u8.fill(0xee, this.chunkAt(chunk), at + userLength + 24);
    write(view, at);
    const { high, low, rkey } = CLIENT_BUFFER;
    if (answerLength === 0) encodeWrite(view, at + userLength, userLength);
    else encodeReadInto(view, at + userLength, userLength, 0, high, low, rkey, answerLength);
    const offset = answerLength + userLength;
    this.service.handler.onImmediate(requestImmediate(chunk, offset, BITS));
    return chunk;
  }

  chunkAt(chunk: number): number {
    return this.session.chunksAt + chunk * CHUNK_BYTES;
  }

  /** The answer that was posted last: errno, and the data that goes along. */
  answer(): { errno: number; data: Uint8Array } {
    const post = this.service.take();
    const data = this.rig.rtrs.memory.arena.u8.slice(post.first, post.first + post.firstLength);
    if (post.firstLength > 0) {
      const isInChunks = post.first >= this.session.chunksAt &&
        post.first + post.firstLength <= this.session.chunksAt + this.session.chunksLength;
      assert.ok(isInChunks, "the answer would carry foreign memory");
      assert.deepEqual([post.high, post.low, post.rkey], [0x7f00, 0x1000, 77]);
    }
    return { errno: responseErrno(post.immediate), data };
  }

  sendOpen(name: string, mode: 0 | 1 | 2 = 1): void {
    this.send(264, 56, (view, at) => encodeOpen(view, at, mode, name));
  }

  /** OPEN that is answered at once: the device id, or minus the errno. */
  open(name: string, mode: 0 | 1 | 2 = 1): number {
    this.sendOpen(name, mode);
    return this.openAnswer();
  }

  openAnswer(): number {
    const { errno, data } = this.answer();
    if (errno !== 0) {
      assert.equal(data.length, 0);
      return -errno;
    }
    const response = decodeOpenResponse(new DataView(data.buffer), 0);
    assert.ok(typeof response === "object", String(response));
    this.lastOpen = response;
    return response.deviceId;
  }

  sendClose(id: number): void {
    this.send(8, 0, (view, at) => encodeClose(view, at, id));
  }

  /** CLOSE that is answered at once: its errno. */
  close(id: number): number {
    this.sendClose(id);
    return this.answer().errno;
  }
}

/** See the head of this file. */
export class RnbdServerRig {
  readonly rtrs: ServerRig;
  readonly server: RnbdServer;
  readonly log: string[] = [];
  readonly opens: PendingOpen[] = [];
  readonly closedTickets: BackendTicket[] = [];
  readonly openedTickets: BackendTicket[] = [];
  /** Opens end at once when true, else in {@link opens}. */
  opensAtOnce = true;
  /** Two names of one disk have one entry here. */
  readonly identities = new Map<string, string>();
  geometry: Partial<BackendGeometry> = {};
  failure: { errno: number; reason: string } | undefined;
  /** Disks by identity whose size is another now. */
  readonly sizes = new Map<string, number>();
  private clients = 0;

  constructor(answersAtOnce = true) {
    this.rtrs = new ServerRig({
      answersAtOnce,
      user: {
        onSessionUp: (session) => this.server.onSessionUp(session),
        onAdminRequest: (...all) => this.server.onAdminRequest(...all),
        onSessionDown: (session, done) => this.server.onSessionDown(session, done),
      },
    });
    const opener: ExportOpener = {
      open: (sessname, devicePath, mode, done) => {
        const pending = { sessname, devicePath, mode, done };
        if (this.opensAtOnce) this.endOpen(pending);
        else this.opens.push(pending);
      },
      currentSizeBytes: (ticket) => this.sizes.get(ticket.identity) ?? ticket.geometry.sizeBytes,
      close: (tickets) => this.closedTickets.push(tickets[0]!),
    };
    this.server = new RnbdServer(
      this.rtrs.memory.arena,
      MAX_IO_BYTES,
      opener,
      this.rtrs.reactors.map((reactor) => reactor.control),
      {
        onOpened: (_session, device) => this.log.push(`opened ${device.mappingPath}`),
        onClosed: (_session, device) => this.log.push(`closed ${device.mappingPath}`),
        onResized: (_session, device) => this.log.push(`resized ${device.mappingPath}`),
        onOpenRefused: (_session, path, errno) => this.log.push(`refused ${path} ${errno}`),
        onSession: (session, isUp) => this.log.push(`${session.sessname} ${isUp ? "up" : "down"}`),
      },
    );
  }

  /** Ends an open as {@link failure} and {@link identities} say. */
  endOpen(pending: PendingOpen): void {
    if (this.failure !== undefined) return pending.done(this.failure);
    const { devicePath } = pending;
    const ticket = ticketOf(this.geometry, this.identities.get(devicePath) ?? devicePath);
    this.openedTickets.push(ticket);
    // One a reactor, all of the same disk.
    const tickets = this.rtrs.reactors.map(() => ticket);
    pending.done({ tickets, device: `/srv/${devicePath}` });
  }

  /** A connected client. */
  client(name = `client ${this.clients}`): AdminClient {
    const number = ++this.clients;
    const request = { pathUuid: uuid(number), sessionUuid: uuid(100 + number) };
    const service = this.rtrs.establish(name, request, `tcp:10.0.1.${number}`);
    for (const reactor of this.rtrs.reactors) reactor.answer();
    const session = [...this.rtrs.server.sessions.values()].at(-1)!;
    return new AdminClient(this, session, service);
  }
}
