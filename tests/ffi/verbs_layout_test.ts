/**
 * Every offset, size and number of src/ffi/verbs_layout.ts against the C headers of rdma-core. A
 * table or a key that has no C expression here fails the test, so that a new one cannot go unchecked.
 */
import assert from "node:assert/strict";
import * as layout from "../../src/ffi/verbs_layout.ts";
import { requireCommand, requireFile, skippable } from "../support/skip.ts";
import { evaluateC } from "./c_values.ts";
import { readSourceConstant, readSourceTable } from "./source_table.ts";

/** The C expression of a key, or undefined for a key that the test does not know. */
type Expression = (key: string) => string | undefined;

const prefixed = (prefix: string): Expression => (key) => prefix + key;

/** Offsets in a struct; keys that are not the lower-case name of the field are given. */
function struct(name: string, fields: Readonly<Record<string, string>> = {}): Expression {
  return (key) =>
    key === "BYTES"
      ? `sizeof(struct ${name})`
      : `offsetof(struct ${name}, ${fields[key] ?? key.toLowerCase()})`;
}

const EXPRESSIONS: Readonly<Record<keyof typeof layout, Expression>> = {
  IBV_CONTEXT: struct("ibv_context"),
  IBV_CONTEXT_OPS: struct("ibv_context_ops"),
  IBV_SGE: struct("ibv_sge", { ADDRESS: "addr" }),
  IBV_SEND_WR: struct("ibv_send_wr", {
    REMOTE_ADDRESS: "wr.rdma.remote_addr",
    RKEY: "wr.rdma.rkey",
    BIND_MW: "bind_mw.mw",
    BIND_RKEY: "bind_mw.rkey",
    BIND_MR: "bind_mw.bind_info.mr",
    BIND_ADDRESS: "bind_mw.bind_info.addr",
    BIND_LENGTH: "bind_mw.bind_info.length",
    BIND_ACCESS: "bind_mw.bind_info.mw_access_flags",
  }),
  IBV_RECV_WR: struct("ibv_recv_wr"),
  IBV_WC: struct("ibv_wc", {
    VENDOR_ERROR: "vendor_err",
    BYTE_LENGTH: "byte_len",
    INVALIDATED_RKEY: "invalidated_rkey",
    FLAGS: "wc_flags",
  }),
  IBV_MW_BIND: struct("ibv_mw_bind", {
    MR: "bind_info.mr",
    ADDRESS: "bind_info.addr",
    LENGTH: "bind_info.length",
    ACCESS: "bind_info.mw_access_flags",
  }),
  IBV_QP_INIT_ATTR: struct("ibv_qp_init_attr", {
    MAX_SEND_WR: "cap.max_send_wr",
    MAX_RECV_WR: "cap.max_recv_wr",
    MAX_SEND_SGE: "cap.max_send_sge",
    MAX_RECV_SGE: "cap.max_recv_sge",
    MAX_INLINE_DATA: "cap.max_inline_data",
  }),
  IBV_QP_ATTR: struct("ibv_qp_attr"),
  IBV_PD: struct("ibv_pd"),
  IBV_MR: struct("ibv_mr", { ADDRESS: "addr" }),
  IBV_MW: struct("ibv_mw"),
  IBV_QP: struct("ibv_qp"),
  IBV_CQ: struct("ibv_cq"),
  IBV_COMP_CHANNEL: struct("ibv_comp_channel"),
  IBV_DEVICE_ATTR: struct("ibv_device_attr", { PHYS_PORT_COUNT: "phys_port_cnt" }),
  RDMA_EVENT_CHANNEL: struct("rdma_event_channel"),
  RDMA_CM_ID: struct("rdma_cm_id", {
    SOURCE_ADDRESS: "route.addr.src_storage",
    DESTINATION_ADDRESS: "route.addr.dst_storage",
    SOURCE_GID: "route.addr.addr.ibaddr.sgid",
    DESTINATION_GID: "route.addr.addr.ibaddr.dgid",
    PORT_SPACE: "ps",
  }),
  RDMA_CM_EVENT: struct("rdma_cm_event", {
    PRIVATE_DATA: "param.conn.private_data",
    PRIVATE_DATA_LENGTH: "param.conn.private_data_len",
    RESPONDER_RESOURCES: "param.conn.responder_resources",
    INITIATOR_DEPTH: "param.conn.initiator_depth",
    QP_NUM: "param.conn.qp_num",
  }),
  RDMA_CONN_PARAM: struct("rdma_conn_param", { PRIVATE_DATA_LENGTH: "private_data_len" }),
  WR_OPCODE: prefixed("IBV_WR_"),
  WC_OPCODE: prefixed("IBV_WC_"),
  WC_FLAG: prefixed("IBV_WC_"),
  SEND_FLAG: prefixed("IBV_SEND_"),
  ACCESS: prefixed("IBV_ACCESS_"),
  MW_TYPE: prefixed("IBV_MW_"),
  DEVICE_CAP: prefixed("IBV_DEVICE_"),
  QP_TYPE: prefixed("IBV_QPT_"),
  QP_STATE: prefixed("IBV_QPS_"),
  QP_ATTR_MASK: prefixed("IBV_QP_"),
  PORT_SPACE: prefixed("RDMA_PS_"),
  CM_OPTION: prefixed("RDMA_OPTION_"),
  CM_EVENT: prefixed("RDMA_CM_EVENT_"),
  WC_STATUS: prefixed("IBV_WC_"),
};

const SOCKADDR = "src/fabric/sockaddr.ts";
const SOCKADDR_IB = readSourceTable(SOCKADDR, "SOCKADDR_IB");
const SOCKADDR_IB_FIELDS = struct("sockaddr_ib", {
  FAMILY: "sib_family",
  PARTITION_KEY: "sib_pkey",
  ADDRESS: "sib_addr",
  SERVICE_ID: "sib_sid",
  SERVICE_ID_MASK: "sib_sid_mask",
});

interface Entry {
  readonly label: string;
  readonly value: number;
  readonly expression: string;
}

function entries(name: string, table: Readonly<Record<string, number>>, of: Expression): Entry[] {
  return Object.entries(table).map(([key, value]) => {
    const expression = of(key);
    assert.ok(expression !== undefined, `${name}.${key} has no C expression in this test`);
    return { label: `${name}.${key}`, value, expression };
  });
}

function allEntries(): Entry[] {
  const tables = Object.entries(layout).flatMap(([name, table]) => {
    const expression = EXPRESSIONS[name as keyof typeof layout];
    assert.ok(expression !== undefined, `${name} is not checked by this test`);
    return entries(name, table, expression);
  });
  const afIb = readSourceConstant(SOCKADDR, "AF_IB");
  const ports = readSourceConstant(SOCKADDR, "SERVICE_ID_OF_PORTS");
  return [
    ...tables,
    ...entries("SOCKADDR_IB", SOCKADDR_IB, SOCKADDR_IB_FIELDS),
    { label: "AF_IB", value: afIb, expression: "AF_IB" },
    { label: "SERVICE_ID_OF_PORTS", value: ports, expression: "RDMA_PS_IB << 16" },
  ];
}

const RDMA_HEADERS = ["infiniband/verbs.h", "rdma/rdma_cma.h", "infiniband/ib.h"];

async function differences(gcc: string, checked: readonly Entry[]): Promise<string[]> {
  const expressions = checked.map(({ expression }) => expression);
  const values = await evaluateC(gcc, expressions, RDMA_HEADERS);
  return checked
    .filter(({ expression, value }) => values.get(expression) !== value)
    .map(({ label, value, expression }) =>
      `${label} is ${value}, but ${expression} is ${values.get(expression)}`
    );
}

function requireHeaders(): string {
  const gcc = requireCommand("gcc", "gcc libc6-dev");
  requireFile("/usr/include/infiniband/verbs.h", "apt-get install libibverbs-dev");
  requireFile("/usr/include/rdma/rdma_cma.h", "apt-get install librdmacm-dev");
  return gcc;
}

skippable("verbs_layout: every offset and number is what the RDMA headers say", async () => {
  const checked = allEntries();
  assert.ok(checked.length > 200, `${checked.length} numbers`);
  assert.deepEqual(await differences(requireHeaders(), checked), []);
});

skippable("verbs_layout: a wrong offset and a wrong constant are noticed", async () => {
  const gcc = requireHeaders();
  const wrong = await differences(gcc, [
    ...entries("IBV_WC", { WR_ID: 0, QP_NUM: 32 }, EXPRESSIONS.IBV_WC),
    ...entries("CM_EVENT", { REJECTED: 8, ESTABLISHED: 8 }, EXPRESSIONS.CM_EVENT),
  ]);
  assert.deepEqual(wrong.map((text) => text.split(" ")[0]), [
    "IBV_WC.QP_NUM",
    "CM_EVENT.ESTABLISHED",
  ]);
});
