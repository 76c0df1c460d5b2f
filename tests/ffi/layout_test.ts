/**
 * Every table of kernel and libc numbers against this machine's C headers. A key of a table that has
 * no C expression here fails the test, so that a new one cannot go unchecked.
 */
import assert from "node:assert/strict";
import { ERRNO } from "../../src/ffi/errno.ts";
import { BLOCK_IOCTL } from "../../src/ffi/block_ioctl.ts";
import * as flags from "../../src/ffi/file_flags.ts";
import { STATX, STATX_MASK } from "../../src/ffi/statx.ts";
import * as opcodes from "../../src/ring/opcodes.ts";
import { IOVEC, MSGHDR } from "../../src/fabric/iwarp/connection_memory.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { evaluateC } from "./c_values.ts";
import { readSourceConstant, readSourceTable } from "./source_table.ts";

/** One table of the program and the C expression of each key. */
interface Checked {
  readonly name: string;
  readonly table: Readonly<Record<string, number>>;
  expression(key: string): string | undefined;
}

type Expression = Checked["expression"];

const prefixed = (prefix: string): Expression => (key) => prefix + key;

/** Offsets of fields; `BYTES` and `WORDS` are the size. `unit` is the size of a step in bytes. */
function offsets(struct: string, fields: Record<string, string>, unit = 1): Expression {
  return (key) => {
    if (key === "BYTES" || key === "WORDS") return `sizeof(struct ${struct}) / ${unit}`;
    const field = fields[key];
    if (field === undefined) return undefined;
    return /^\d|^[A-Z]|\(/.test(field) ? field : `offsetof(struct ${struct}, ${field}) / ${unit}`;
  };
}

const lowerCase = (struct: string, prefix: string, keys: readonly string[], unit = 1) =>
  offsets(
    struct,
    Object.fromEntries(keys.map((key) => [key, prefix + key.toLowerCase()])),
    unit,
  );

const SQE_FIELDS = {
  OPCODE_FLAGS_IOPRIO: "opcode",
  FD: "fd",
  OFFSET_LOW: "off",
  OFFSET_HIGH: "offsetof(struct io_uring_sqe, off) / 4 + 1",
  ADDRESS_LOW: "addr",
  ADDRESS_HIGH: "offsetof(struct io_uring_sqe, addr) / 4 + 1",
  LENGTH: "len",
  OP_FLAGS: "rw_flags",
  USER_DATA_LOW: "user_data",
  USER_DATA_HIGH: "offsetof(struct io_uring_sqe, user_data) / 4 + 1",
  COMMAND_OPERATION: "cmd_op",
  COMMAND: "cmd",
};

const PARAMS_FIELDS = {
  SQ_ENTRIES: "sq_entries",
  CQ_ENTRIES: "cq_entries",
  FLAGS: "flags",
  SQ_OFF: "sq_off",
  CQ_OFF: "cq_off",
};

const SQ_OFF_FIELDS = {
  HEAD: "head",
  TAIL: "tail",
  RING_MASK: "ring_mask",
  FLAGS: "flags",
  ARRAY: "array",
};

const CQ_OFF_FIELDS = {
  HEAD: "head",
  TAIL: "tail",
  RING_MASK: "ring_mask",
  OVERFLOW: "overflow",
  CQES: "cqes",
};

const STATX_FIELDS: Record<string, string> = Object.fromEntries(
  Object.keys(STATX).map((key) => [key, `stx_${key.toLowerCase()}`]),
);

const AT_NAMES: Record<string, string> = {
  FDCWD: "AT_FDCWD",
  SYMLINK_NOFOLLOW: "AT_SYMLINK_NOFOLLOW",
  EMPTY_PATH: "AT_EMPTY_PATH",
  STATX_DONT_SYNC: "AT_STATX_DONT_SYNC",
};

const RING = "src/ring/ring.ts";
const MSGHDR_NBD = readSourceTable("src/nbd/reply_sender.ts", "MSGHDR");
const IOVEC_NBD = readSourceTable("src/nbd/reply_sender.ts", "IOVEC");

const CHECKED: readonly Checked[] = [
  { name: "SQE", table: opcodes.SQE, expression: offsets("io_uring_sqe", SQE_FIELDS, 4) },
  {
    name: "PARAMS",
    table: readSourceTable(RING, "PARAMS"),
    expression: offsets("io_uring_params", PARAMS_FIELDS, 4),
  },
  {
    name: "SQ_OFF",
    table: readSourceTable(RING, "SQ_OFF"),
    expression: offsets("io_sqring_offsets", SQ_OFF_FIELDS, 4),
  },
  {
    name: "CQ_OFF",
    table: readSourceTable(RING, "CQ_OFF"),
    expression: offsets("io_cqring_offsets", CQ_OFF_FIELDS, 4),
  },
  { name: "OP", table: opcodes.OP, expression: prefixed("IORING_OP_") },
  { name: "SETUP", table: opcodes.SETUP, expression: prefixed("IORING_SETUP_") },
  { name: "SQE_FLAG", table: opcodes.SQE_FLAG, expression: prefixed("IOSQE_") },
  { name: "ENTER", table: opcodes.ENTER, expression: prefixed("IORING_ENTER_") },
  { name: "SQ_FLAG", table: opcodes.SQ_FLAG, expression: prefixed("IORING_SQ_") },
  {
    name: "REGISTER",
    table: opcodes.REGISTER,
    expression: (key) => key === "EVENTFD" ? "IORING_REGISTER_EVENTFD" : undefined,
  },
  { name: "MSG", table: opcodes.MSG, expression: prefixed("MSG_") },
  { name: "STATX", table: STATX, expression: offsets("statx", STATX_FIELDS) },
  {
    name: "DIRENT",
    table: readSourceTable("src/ffi/system_files.ts", "DIRENT"),
    expression: offsets("dirent64", { RECORD_LENGTH: "d_reclen", NAME: "d_name" }),
  },
  { name: "STATX_MASK", table: STATX_MASK, expression: prefixed("STATX_") },
  { name: "AT", table: flags.AT, expression: (key) => AT_NAMES[key] },
  { name: "O", table: flags.O, expression: prefixed("O_") },
  { name: "RESOLVE", table: flags.RESOLVE, expression: prefixed("RESOLVE_") },
  {
    name: "OPEN_HOW",
    table: flags.OPEN_HOW,
    expression: lowerCase("open_how", "", ["FLAGS", "MODE", "RESOLVE"]),
  },
  { name: "FALLOC", table: flags.FALLOC, expression: prefixed("FALLOC_FL_") },
  { name: "BLOCK_IOCTL", table: BLOCK_IOCTL, expression: (key) => `(unsigned)${key}` },
  { name: "ERRNO", table: ERRNO, expression: (key) => key },
  {
    name: "IOVEC of the TCP carrier",
    table: IOVEC,
    expression: offsets("iovec", { ADDRESS: "iov_base", LENGTH: "iov_len" }),
  },
  {
    name: "MSGHDR of the TCP carrier",
    table: MSGHDR,
    expression: offsets("msghdr", { PIECES: "msg_iov", PIECE_COUNT: "msg_iovlen" }),
  },
  {
    name: "IOVEC of the NBD replies",
    table: IOVEC_NBD,
    expression: offsets("iovec", { BASE: "iov_base", LENGTH: "iov_len" }),
  },
  {
    name: "MSGHDR of the NBD replies",
    table: MSGHDR_NBD,
    expression: offsets("msghdr", { IOV: "msg_iov", IOV_COUNT: "msg_iovlen" }),
  },
  {
    name: "SOCKADDR_IN",
    table: readSourceTable("src/fabric/sockaddr.ts", "SOCKADDR_IN"),
    expression: offsets("sockaddr_in", {
      FAMILY: "sin_family",
      PORT: "sin_port",
      ADDRESS: "sin_addr",
    }),
  },
  {
    name: "SOCKADDR_IN6",
    table: readSourceTable("src/fabric/sockaddr.ts", "SOCKADDR_IN6"),
    expression: offsets("sockaddr_in6", {
      FAMILY: "sin6_family",
      PORT: "sin6_port",
      ADDRESS: "sin6_addr",
    }),
  },
  {
    name: "single numbers",
    table: {
      RWF_DSYNC: flags.RWF_DSYNC,
      IORING_FSYNC_DATASYNC: flags.FSYNC_DATASYNC,
      BLOCK_URING_CMD_DISCARD: flags.BLOCK_URING_CMD_DISCARD,
      IORING_RECVSEND_POLL_FIRST: opcodes.RECVSEND_POLL_FIRST,
      IORING_OFF_SQES: readSourceConstant(RING, "IORING_OFF_SQES"),
      "sizeof(struct io_uring_cqe)": readSourceConstant(RING, "CQE_BYTES"),
      "sizeof(struct io_uring_sqe)": readSourceConstant(RING, "SQE_BYTES"),
      MAP_SHARED: readSourceConstant("src/ffi/libc.ts", "MAP_SHARED"),
      MAP_PRIVATE: readSourceConstant("src/ffi/libc.ts", "MAP_PRIVATE"),
      MAP_ANONYMOUS: readSourceConstant("src/ffi/libc.ts", "MAP_ANONYMOUS"),
      MAP_NORESERVE: readSourceConstant("src/ffi/libc.ts", "MAP_NORESERVE"),
      MAP_POPULATE: readSourceConstant("src/ffi/libc.ts", "MAP_POPULATE"),
      MADV_DONTNEED: readSourceConstant("src/ffi/libc.ts", "MADV_DONTNEED"),
      SOCK_CLOEXEC: readSourceConstant("src/ffi/libc.ts", "SOCK_CLOEXEC"),
      EFD_CLOEXEC: readSourceConstant("src/ffi/libc.ts", "EFD_CLOEXEC"),
      SYS_io_uring_setup: readSourceConstant("src/ffi/liburing.ts", "SYS_IO_URING_SETUP"),
      SYS_io_uring_enter: readSourceConstant("src/ffi/liburing.ts", "SYS_IO_URING_ENTER"),
      SYS_io_uring_register: readSourceConstant("src/ffi/liburing.ts", "SYS_IO_URING_REGISTER"),
      AF_INET: readSourceConstant("src/fabric/sockaddr.ts", "AF_INET"),
      AF_INET6: readSourceConstant("src/fabric/sockaddr.ts", "AF_INET6"),
    },
    expression: (key) => key,
  },
];

/** Every table entry with the C expression it must equal. */
function entries(checked: readonly Checked[]) {
  return checked.flatMap(({ name, table, expression }) =>
    Object.entries(table).map(([key, value]) => {
      const text = expression(key);
      assert.ok(text !== undefined, `${name}.${key} has no C expression in this test`);
      return { label: `${name}.${key}`, value, expression: text };
    })
  );
}

async function findDifferences(gcc: string, checked: readonly Checked[]): Promise<string[]> {
  const all = entries(checked);
  const values = await evaluateC(gcc, all.map(({ expression }) => expression));
  return all.flatMap(({ label, value, expression }) => {
    const actual = values.get(expression);
    return actual === undefined || actual === value
      ? []
      : [`${label} is ${value}, but ${expression} is ${actual}`];
  });
}

skippable("every kernel and libc number is what the C headers say", async () => {
  const gcc = requireCommand("gcc", "gcc libc6-dev linux-libc-dev");
  assert.deepEqual(await findDifferences(gcc, CHECKED), []);
});

skippable("a wrong offset and a wrong constant are noticed", async () => {
  const gcc = requireCommand("gcc", "gcc libc6-dev linux-libc-dev");
  const wrong = await findDifferences(gcc, [
    { name: "SQE", table: { LENGTH: 7 }, expression: offsets("io_uring_sqe", SQE_FIELDS, 4) },
    { name: "OP", table: { NOP: 0, READ: 21 }, expression: prefixed("IORING_OP_") },
  ]);
  assert.deepEqual(wrong.map((text) => text.split(" ")[0]), ["SQE.LENGTH", "OP.READ"]);
  assert.throws(() => entries([{ name: "T", table: { NEW: 1 }, expression: () => undefined }]));
});
