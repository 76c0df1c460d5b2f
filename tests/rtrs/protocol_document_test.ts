/** `docs/protocol.md` says what the code does: every offset, every reason with its errno. */
import assert from "node:assert/strict";
import { errnoName } from "../../src/ffi/errno.ts";
import { CLOSE, IO, OPEN, OPEN_RSP, SESS_INFO } from "../../src/rnbd/codec.ts";
import { IO_REJECTIONS, ioRejectionErrno } from "../../src/rnbd/server/io_gate.ts";
import { CONN_REQ, CONN_RSP } from "../../src/rtrs/connect_codec.ts";
import { INFO_REQ, INFO_RSP } from "../../src/rtrs/info_codec.ts";
import { REQUEST, RKEY_RSP } from "../../src/rtrs/request_codec.ts";
import { REQUEST_REJECTIONS } from "../../src/rtrs/server/gate.ts";
import { CONNECT_REFUSALS } from "../../src/rtrs/server/server.ts";

const text = Deno.readTextFileSync(new URL("../../docs/protocol.md", import.meta.url));

/** The rows of the first table behind `start`: cells without their decoration. */
function tableBehind(start: string): string[][] {
  const at = text.indexOf(start);
  assert.ok(at >= 0, `no ${start}`);
  const table = /(?:^\|.*\n)+/m.exec(text.slice(at))!;
  return table[0].trimEnd().split("\n").slice(2)
    .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", "")));
}

const tables: [string, Readonly<Record<string, number>>][] = [
  ["### conn_req", CONN_REQ],
  ["### conn_rsp", CONN_RSP],
  ["### info_req", INFO_REQ],
  ["### info_rsp", { TYPE: INFO_RSP.TYPE, SG_CNT: INFO_RSP.SG_CNT }],
  ["A region:", { ADDRESS: INFO_RSP.ADDRESS, RKEY: INFO_RSP.RKEY, LENGTH: INFO_RSP.LENGTH }],
  ["RTRS message (WRITE", REQUEST],
  ["rkey_rsp, 8 bytes:", RKEY_RSP],
  ["### SESS_INFO", SESS_INFO],
  ["### OPEN, ", OPEN],
  ["### OPEN_RSP", OPEN_RSP],
  ["### CLOSE", CLOSE],
  ["### IO, ", IO],
];
for (const [start, offsets] of tables) {
  Deno.test(`the table behind "${start}" has the offsets of the code`, () => {
    const written = new Map(
      tableBehind(start).filter(([, , field]) => field !== "")
        .map(([offset, , field]) => [field!, Number(offset)]),
    );
    // A 64-bit field has two words in the code, and one row; sizes are no fields.
    const meant = Object.entries(offsets).filter(([name]) => !/BYTES|_HIGH$/.test(name))
      .map(([name, offset]) => [name.replace(/_LOW$/, "").toLowerCase(), offset] as const);
    assert.deepEqual([...written].sort(), [...meant].sort());
  });
}

Deno.test("the sizes in the headings are those of the code", () => {
  const sizes: [string, number][] = [
    ["conn_req", CONN_REQ.BYTES],
    ["conn_rsp", CONN_RSP.BYTES],
    ["info_req", INFO_REQ.BYTES],
    ["OPEN", OPEN.BYTES],
    ["OPEN_RSP", OPEN_RSP.BYTES],
    ["CLOSE", CLOSE.BYTES],
    ["IO", IO.BYTES],
  ];
  for (const [name, bytes] of sizes) {
    assert.match(text, new RegExp(`^### ${name}, ${bytes} bytes`, "m"));
  }
});

Deno.test("every reason of the gates and of the door has a row", () => {
  const rows = text.split("\n").filter((line) => line.startsWith("|"));
  for (
    const reason of [...REQUEST_REJECTIONS.slice(1), ...CONNECT_REFUSALS, ...IO_REJECTIONS.slice(1)]
  ) {
    if (reason === "setup_timeout") assert.ok(text.includes("`setup_timeout`"));
    else assert.ok(rows.some((row) => row.includes(`\`${reason}\``)), reason);
  }
});

Deno.test("the errno of each refusal of an IO message is the code's", () => {
  const rows = tableBehind("What the server refuses, and how:");
  const written = rows.map(([, errno, reason]) => [reason, errno]);
  const meant = IO_REJECTIONS.slice(1)
    .map((reason, i) => [reason, errnoName(ioRejectionErrno(i + 1))]);
  assert.deepEqual(written, meant);
});
