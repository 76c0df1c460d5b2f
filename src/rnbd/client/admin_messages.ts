/** The client's admin messages: SESS_INFO, OPEN and CLOSE, and what their answers say. */
import { describeErrno, ERRNO } from "../../ffi/errno.ts";
import type { ClientLane } from "../../rtrs/client/lane.ts";
import { accessModeCode, type AccessModeName } from "../access_mode.ts";
import {
  CLOSE,
  decodeOpenResponse,
  encodeClose,
  encodeOpen,
  encodeSessionInfo,
  OPEN,
  OPEN_RSP,
  type OpenResponse,
  RNBD_MESSAGE,
  SESS_INFO,
} from "../codec.ts";
import { AdminQueue } from "./admin_queue.ts";
import { type DeviceFailure, explainOpenErrno } from "./device.ts";

/** The request never got its answer: nobody knows what the server has done. */
export function isConnectionErrno(errno: number): boolean {
  return errno === ERRNO.ECONNABORTED || errno === ERRNO.ENOTCONN;
}

/** See the head of this file. */
export class AdminMessages {
  private readonly queue: AdminQueue;

  /** @param lane the admin lane; undefined while there is none */
  constructor(private readonly lane: () => ClientLane | undefined) {
    this.queue = new AdminQueue(lane);
  }

  /** The answer for `permit` is there, or its connection died. */
  onResponse(permit: number, errno: number): void {
    this.queue.onResponse(permit, errno);
  }

  /** SESS_INFO: what the server must hear first. */
  greet(done: (failure: DeviceFailure | undefined) => void): void {
    this.queue.send({
      answerBytes: SESS_INFO.BYTES,
      build: (view, at) => {
        encodeSessionInfo(view, at, RNBD_MESSAGE.SESS_INFO);
        return SESS_INFO.BYTES;
      },
      done: (errno) => {
        if (errno === 0) return done(undefined);
        const reason = `the server refused the greeting (SESS_INFO): ${describeErrno(errno)}: ` +
          "is it an RNBD server?";
        done({ errno, reason });
      },
    });
  }

  /** OPEN. */
  open(
    devicePath: string,
    mode: AccessModeName,
    done: (outcome: OpenResponse | DeviceFailure) => void,
  ): void {
    this.queue.send({
      answerBytes: OPEN_RSP.BYTES,
      build: (view, at) => {
        encodeOpen(view, at, accessModeCode(mode), devicePath);
        return OPEN.BYTES;
      },
      done: (errno, answerAt) => {
        if (errno !== 0) {
          return done({ errno, reason: explainOpenErrno(errno, devicePath, mode) });
        }
        const response = decodeOpenResponse(this.lane()!.arena.view, answerAt);
        if (typeof response === "string") {
          const reason = `the server's answer to OPEN makes no sense: ${response}`;
          return done({ errno: ERRNO.EPROTO, reason });
        }
        done(response);
      },
    });
  }

  /** CLOSE. @param done gets 0 or the errno */
  close(deviceId: number, done: (errno: number) => void): void {
    this.queue.send({
      answerBytes: 0,
      build: (view, at) => {
        encodeClose(view, at, deviceId);
        return CLOSE.BYTES;
      },
      done,
    });
  }
}
