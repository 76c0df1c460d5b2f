/** Why a session or path is not connected, by errno. */
import {
  addressOf,
  APPLY,
  because,
  type Cause,
  type CauseTable,
  DOCTOR,
  endOf,
  isTcp,
  recover,
  SERVER_STATUS,
  type Subject,
} from "./cause.ts";

const isRefusalOfServer = ({ error }: Subject): boolean => error.includes("the server refused");

const sourceAdvice = "take a source address of this machine into the path, or none: " +
  "`ip address` lists them; then change the config and take it over: `rnbd-appliance apply`";

function nothingListens(subject: Subject): Cause {
  return because(
    `Nothing listens at ${endOf(subject)}: the server does not run, has another port, or a ` +
      "firewall refuses the connection.",
    SERVER_STATUS,
    `compare dest_port of session ${subject.sessname} (${subject.port}) with port of [server] ` +
      "there; if they differ, change the config and take it over: `rnbd-appliance apply`",
    isTcp(subject)
      ? "see whether anything listens there: on the server, `ss -ltn`"
      : "the server must listen on an ip: or gid: address of its RDMA device: " +
        "on the server, `rnbd-appliance doctor`",
    recover(subject),
  );
}

function noRoute(subject: Subject): Cause {
  return because(
    isTcp(subject)
      ? `This machine has no way to ${addressOf(subject)}, or a firewall on the way says so.`
      : `No RDMA device of this machine leads to ${addressOf(subject)}.`,
    `check the address of session ${subject.sessname} in the config; then \`rnbd-appliance apply\``,
    isTcp(subject) ? "see the routes of this machine: `ip route`" : DOCTOR,
    recover(subject),
  );
}

function noAnswer(subject: Subject): Cause {
  if (subject.error.includes("no sign of life")) {
    return because(
      `The server at ${
        addressOf(subject)
      } stopped answering: it hangs, it was switched off, or the ` +
        "network between the two is cut.",
      SERVER_STATUS,
      recover(subject),
    );
  }
  return because(
    `Nothing answered at ${endOf(subject)} in time: the machine is off, the address is wrong, or ` +
      "a firewall drops what is sent to it.",
    "see whether the machine is there: `ping` its address",
    SERVER_STATUS,
    recover(subject),
  );
}

function reset(subject: Subject): Cause {
  const { sessname } = subject;
  if (subject.error.includes("session's name")) {
    return because(
      `The server disconnects this session when it hears its name, ${sessname}: another client ` +
        "holds a session of that name there, or the last one of this client has not ended yet.",
      "wait a few tries: a session that has died ends by itself when its heartbeat is missed",
      "on the server, see who is connected under that name: `rnbd-appliance status`",
      `if another machine has that name, give this session a name of its own: ${APPLY}`,
      `or drop the one that is connected: on the server, \`rnbd-appliance disconnect ${sessname}\``,
    );
  }
  if (isRefusalOfServer(subject)) {
    return because(
      "The server refused the connection: it still holds the last incarnation of this path, or " +
        "it speaks another version of the protocol.",
      "wait a few tries: what has died ends there by itself when its heartbeat is missed",
      SERVER_STATUS,
      recover(subject),
    );
  }
  return because(
    `The server at ${addressOf(subject)} closed the connection: it was stopped or restarted, ` +
      "somebody disconnected this client there, or what listens there is no RNBD server.",
    SERVER_STATUS,
    recover(subject),
  );
}

function noMemory(subject: Subject): Cause {
  if (isRefusalOfServer(subject)) {
    return because(
      "The server has no memory for another session.",
      "on the server, raise memory_limit of [node], or lower queue_depth or max_io_size of " +
        "[server], and restart it; what it uses: `rnbd-appliance status`",
      recover(subject),
    );
  }
  return because(
    isTcp(subject)
      ? "This machine has no memory for the session's buffers."
      : "This machine has no memory for the session's buffers, or its limit on locked memory " +
        "does not allow them.",
    ...(isTcp(subject) ? [] : [
      "raise the limit on locked memory (LimitMEMLOCK=infinity in the service, or `ulimit -l`)",
    ]),
    "raise memory_limit of [node] and restart; what is used now: `rnbd-appliance status`",
    DOCTOR,
  );
}

const protocol = (subject: Subject): Cause =>
  because(
    `What answers at ${endOf(subject)} does not speak as an RNBD server should: something else ` +
      "listens there, or its version does not fit.",
    `check address and dest_port of session ${subject.sessname}; then \`rnbd-appliance apply\``,
    SERVER_STATUS,
  );

const noRdma = (subject: Subject): Cause =>
  because(
    "This machine lacks what RDMA needs: the libraries of rdma-core, or an RDMA device.",
    DOCTOR,
    `or connect session ${subject.sessname} by a tcp: address, if its server is this program: ` +
      "`rnbd-appliance apply` takes the changed config over",
  );

const forbidden = (subject: Subject): Cause =>
  because(
    isTcp(subject)
      ? "This machine does not let the program connect there: a local firewall, or its user."
      : "The program may not use the RDMA device.",
    DOCTOR,
    "look at local firewall rules, and at the user that the program runs as",
    recover(subject),
  );

const tooMany = (subject: Subject): Cause =>
  because(
    "The program has as many files and sockets open as its limit allows.",
    "raise the limit (LimitNOFILE in the service, or `ulimit -n`) and restart",
    DOCTOR,
    recover(subject),
  );

const ended = (subject: Subject): Cause =>
  because(
    "The connection was ended from this side, to be made anew.",
    recover(subject),
  );

/** See the head of this file. */
export const CONNECT_CAUSES: CauseTable = {
  ECONNREFUSED: nothingListens,
  EHOSTUNREACH: noRoute,
  ENETUNREACH: noRoute,
  EHOSTDOWN: noRoute,
  ENETDOWN: noRoute,
  ETIMEDOUT: noAnswer,
  ETIME: noAnswer,
  ECONNRESET: reset,
  EPIPE: reset,
  ENOTCONN: reset,
  ESHUTDOWN: reset,
  EREMOTEIO: reset,
  ECONNABORTED: ended,
  ECANCELED: ended,
  EEXIST: (subject) =>
    because(
      "The server holds a path between these two addresses already, of this client's last " +
        "incarnation or of another session of this machine.",
      "wait a few tries: what has died ends there by itself when its heartbeat is missed",
      "give the paths of different sessions different source addresses; " + APPLY,
      recover(subject),
    ),
  ENXIO: (subject) =>
    because(
      "The server does not know the session that this path belongs to: it was restarted.",
      recover(subject),
      SERVER_STATUS,
    ),
  ENOMEM: noMemory,
  ENOBUFS: noMemory,
  EADDRNOTAVAIL: (subject) =>
    because(
      `The path of session ${subject.sessname} starts at an address that this machine does not ` +
        "have, or has no free port left.",
      sourceAdvice,
      DOCTOR,
    ),
  EADDRINUSE: (subject) =>
    because(
      "All local ports of the path's source address are in use.",
      "close what holds so many connections: `ss -tn` lists them",
      sourceAdvice,
      recover(subject),
    ),
  EAFNOSUPPORT: (subject) =>
    because(
      `This machine does not have the kind of network that ${addressOf(subject)} belongs to.`,
      sourceAdvice,
      DOCTOR,
    ),
  EACCES: forbidden,
  EPERM: forbidden,
  EPROTO: protocol,
  EPROTONOSUPPORT: protocol,
  EMSGSIZE: protocol,
  EINVAL: protocol,
  ENOPROTOOPT: protocol,
  EBUSY: (subject) =>
    because(
      "The server has too many connections in the making, and dropped this one.",
      "it is tried again by itself; see how it goes: `rnbd-appliance watch`",
      recover(subject),
    ),
  ENOSYS: noRdma,
  ENODEV: noRdma,
  EOPNOTSUPP: noRdma,
  EMFILE: tooMany,
  ENFILE: tooMany,
  EIO: (subject) =>
    because(
      "The network device reported an error, or the server could not carry the request out.",
      "look at the kernel's log on both machines: `dmesg`",
      SERVER_STATUS,
      recover(subject),
    ),
};
