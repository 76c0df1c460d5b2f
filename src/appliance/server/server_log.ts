/** What the server half says about its clients, in the log and in the list of refusals. */
import { describeErrno, errnoName } from "../../ffi/errno.ts";
import type { RnbdServerLog } from "../../rnbd/server/server.ts";
import type { ServerEnvironment } from "../../rtrs/server/server.ts";
import { log } from "../log.ts";
import type { RefusalList } from "./refusal_list.ts";

/** Of sessions and their devices. */
export function makeServerLog(refused: RefusalList): RnbdServerLog {
  return {
    onOpened: (session, device) =>
      log.info("device opened", {
        sessname: session.sessname,
        mapping_path: device.mappingPath,
        access_mode: device.mode,
        device: device.device,
      }),
    onClosed: (session, device) =>
      log.info("device closed", { sessname: session.sessname, mapping_path: device.mappingPath }),
    onResized: (session, device) =>
      log.info("device has another size", {
        sessname: session.sessname,
        mapping_path: device.mappingPath,
        size_bytes: device.ticket.geometry.sizeBytes,
      }),
    onOpenRefused: (session, mappingPath, errno, reason) => {
      log.warn("open refused", {
        sessname: session.sessname,
        mapping_path: mappingPath,
        errno: describeErrno(errno),
        reason,
      });
      refused.add({
        kind: "open",
        client: session.sessname ?? "",
        device_path: mappingPath,
        reason,
        errno: errnoName(errno),
      });
    },
    onSession: (session, isUp) =>
      log.info(isUp ? "client connected" : "client gone", { sessname: session.sessname }),
  };
}

/** Of connections. */
export function makeConnectionLog(
  refused: RefusalList,
): Pick<ServerEnvironment, "onRefused" | "onPathClosed"> {
  return {
    onRefused: (reason, address, detail, errno) => {
      log.warn("client refused", { address, reason, detail });
      refused.add({
        kind: "connect",
        client: address,
        device_path: null,
        reason: `${reason}: ${detail}`,
        errno: errno === 0 ? null : errnoName(errno),
      });
    },
    onPathClosed: (sessname, path, reason) => log.info("path closed", { sessname, path, reason }),
  };
}
