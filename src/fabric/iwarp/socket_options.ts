/** How the carrier sets up its TCP sockets. Buffer sizes stay with the kernel's autotuning. */
import { setSocketOption } from "../../ffi/libc.ts";
import {
  KEEPALIVE_IDLE_SECONDS,
  KEEPALIVE_INTERVAL_SECONDS,
  KEEPALIVE_PROBES_MAX,
  TCP_USER_TIMEOUT_MS,
} from "./limits.ts";

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_KEEPALIVE = 9;
const IPPROTO_IP = 0;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_USER_TIMEOUT = 18;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** For both ends of a connection: send at once, notice a peer that is gone. */
export function configureStream(fd: number): void {
  setSocketOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  setSocketOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  setSocketOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS);
  setSocketOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS);
  setSocketOption(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES_MAX);
  setSocketOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS);
}

/** For a listener: usable again at once after a restart; `::` takes IPv4 peers too. */
export function configureListener(fd: number, ipv6: boolean): void {
  setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (ipv6) setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
}

/** For a socket that is bound to a source address: its port is chosen when it connects. */
export function configureBoundSource(fd: number): void {
  setSocketOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
}
