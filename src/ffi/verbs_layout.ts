/**
 * Byte offsets and numbers of libibverbs and librdmacm (infiniband/verbs.h, rdma/rdma_cma.h of
 * rdma-core 44; the ABI of libibverbs.so.1 and librdmacm.so.1, the same on x86-64 and aarch64).
 * Every offset is in bytes from the start of the struct; `BYTES` is its size.
 */

/** struct ibv_context; `OPS` is the table of the inline verbs. */
export const IBV_CONTEXT = { DEVICE: 0, OPS: 8, CMD_FD: 264, ASYNC_FD: 268, BYTES: 328 } as const;

/** struct ibv_context_ops, from its own start: function pointers of the inline verbs. */
export const IBV_CONTEXT_OPS = {
  ALLOC_MW: 56,
  BIND_MW: 64,
  DEALLOC_MW: 72,
  POLL_CQ: 88,
  REQ_NOTIFY_CQ: 96,
  POST_SEND: 200,
  POST_RECV: 208,
  BYTES: 256,
} as const;

/** struct ibv_sge. */
export const IBV_SGE = { ADDRESS: 0, LENGTH: 8, LKEY: 12, BYTES: 16 } as const;

/** struct ibv_send_wr; the `BIND_` fields share memory with nothing that a bind needs. */
export const IBV_SEND_WR = {
  WR_ID: 0,
  NEXT: 8,
  SG_LIST: 16,
  NUM_SGE: 24,
  OPCODE: 28,
  SEND_FLAGS: 32,
  /** Network byte order. */
  IMM_DATA: 36,
  /** Host byte order; the same place as `IMM_DATA`. */
  INVALIDATE_RKEY: 36,
  REMOTE_ADDRESS: 40,
  RKEY: 48,
  BIND_MW: 80,
  BIND_RKEY: 88,
  BIND_MR: 96,
  BIND_ADDRESS: 104,
  BIND_LENGTH: 112,
  BIND_ACCESS: 120,
  BYTES: 128,
} as const;

/** struct ibv_recv_wr. */
export const IBV_RECV_WR = { WR_ID: 0, NEXT: 8, SG_LIST: 16, NUM_SGE: 24, BYTES: 32 } as const;

/** struct ibv_wc. After an error only `WR_ID`, `STATUS`, `VENDOR_ERROR` and `QP_NUM` are valid. */
export const IBV_WC = {
  WR_ID: 0,
  STATUS: 8,
  OPCODE: 12,
  VENDOR_ERROR: 16,
  BYTE_LENGTH: 20,
  /** Network byte order. */
  IMM_DATA: 24,
  /** Host byte order; the same place as `IMM_DATA`. */
  INVALIDATED_RKEY: 24,
  QP_NUM: 28,
  SRC_QP: 32,
  FLAGS: 36,
  BYTES: 48,
} as const;

/** struct ibv_mw_bind: the argument of bind_mw (type 1 memory windows). */
export const IBV_MW_BIND = {
  WR_ID: 0,
  SEND_FLAGS: 8,
  MR: 16,
  ADDRESS: 24,
  LENGTH: 32,
  ACCESS: 40,
  BYTES: 48,
} as const;

/** struct ibv_qp_init_attr. */
export const IBV_QP_INIT_ATTR = {
  QP_CONTEXT: 0,
  SEND_CQ: 8,
  RECV_CQ: 16,
  SRQ: 24,
  MAX_SEND_WR: 32,
  MAX_RECV_WR: 36,
  MAX_SEND_SGE: 40,
  MAX_RECV_SGE: 44,
  MAX_INLINE_DATA: 48,
  QP_TYPE: 52,
  SQ_SIG_ALL: 56,
  BYTES: 64,
} as const;

/** struct ibv_qp_attr: only the state is ever set here. */
export const IBV_QP_ATTR = { QP_STATE: 0, BYTES: 144 } as const;

/** struct ibv_pd. */
export const IBV_PD = { CONTEXT: 0, BYTES: 16 } as const;

/** struct ibv_mr. */
export const IBV_MR = {
  CONTEXT: 0,
  PD: 8,
  ADDRESS: 16,
  LENGTH: 24,
  LKEY: 36,
  RKEY: 40,
  BYTES: 48,
} as const;

/** struct ibv_mw; bind_mw changes `RKEY`. */
export const IBV_MW = { CONTEXT: 0, PD: 8, RKEY: 16, TYPE: 24, BYTES: 32 } as const;

/** struct ibv_qp. */
export const IBV_QP = { CONTEXT: 0, QP_NUM: 52, STATE: 56, BYTES: 160 } as const;

/** struct ibv_cq. */
export const IBV_CQ = { CONTEXT: 0, CHANNEL: 8, CQE: 28, BYTES: 128 } as const;

/** struct ibv_comp_channel. */
export const IBV_COMP_CHANNEL = { CONTEXT: 0, FD: 8, BYTES: 16 } as const;

/** struct ibv_device_attr. */
export const IBV_DEVICE_ATTR = {
  MAX_MR_SIZE: 80,
  VENDOR_ID: 96,
  MAX_QP: 108,
  MAX_QP_WR: 112,
  DEVICE_CAP_FLAGS: 116,
  MAX_SGE: 120,
  MAX_CQ: 128,
  MAX_CQE: 132,
  MAX_MR: 136,
  MAX_QP_RD_ATOM: 144,
  MAX_MW: 176,
  PHYS_PORT_COUNT: 227,
  BYTES: 232,
} as const;

/** struct rdma_event_channel. */
export const RDMA_EVENT_CHANNEL = { FD: 0, BYTES: 4 } as const;

/** struct rdma_cm_id; the addresses are a sockaddr_storage each. */
export const RDMA_CM_ID = {
  VERBS: 0,
  CHANNEL: 8,
  CONTEXT: 16,
  QP: 24,
  SOURCE_ADDRESS: 32,
  DESTINATION_ADDRESS: 160,
  SOURCE_GID: 288,
  DESTINATION_GID: 304,
  PORT_SPACE: 344,
  PORT_NUM: 348,
  EVENT: 352,
  BYTES: 416,
} as const;

/** struct rdma_cm_event with param.conn. */
export const RDMA_CM_EVENT = {
  ID: 0,
  LISTEN_ID: 8,
  EVENT: 16,
  STATUS: 20,
  PRIVATE_DATA: 24,
  PRIVATE_DATA_LENGTH: 32,
  RESPONDER_RESOURCES: 33,
  INITIATOR_DEPTH: 34,
  QP_NUM: 40,
  BYTES: 80,
} as const;

/** struct rdma_conn_param. */
export const RDMA_CONN_PARAM = {
  PRIVATE_DATA: 0,
  PRIVATE_DATA_LENGTH: 8,
  RESPONDER_RESOURCES: 9,
  INITIATOR_DEPTH: 10,
  FLOW_CONTROL: 11,
  RETRY_COUNT: 12,
  RNR_RETRY_COUNT: 13,
  SRQ: 14,
  QP_NUM: 16,
  BYTES: 24,
} as const;

/** IBV_WR_*: what a send work request does. */
export const WR_OPCODE = {
  RDMA_WRITE: 0,
  RDMA_WRITE_WITH_IMM: 1,
  SEND: 2,
  SEND_WITH_IMM: 3,
  RDMA_READ: 4,
  LOCAL_INV: 7,
  BIND_MW: 8,
  SEND_WITH_INV: 9,
} as const;

/** IBV_WC_*: what a completion is of; receives have bit 7 set. */
export const WC_OPCODE = {
  SEND: 0,
  RDMA_WRITE: 1,
  RDMA_READ: 2,
  BIND_MW: 5,
  LOCAL_INV: 6,
  RECV: 128,
  RECV_RDMA_WITH_IMM: 129,
} as const;

/** IBV_WC_* bits of `IBV_WC.FLAGS`. */
export const WC_FLAG = { GRH: 1, WITH_IMM: 2, WITH_INV: 8 } as const;

/** IBV_SEND_*: bits of `IBV_SEND_WR.SEND_FLAGS`. */
export const SEND_FLAG = { FENCE: 1, SIGNALED: 2, SOLICITED: 4, INLINE: 8 } as const;

/** IBV_ACCESS_*: who may do what with registered memory. */
export const ACCESS = { LOCAL_WRITE: 1, REMOTE_WRITE: 2, REMOTE_READ: 4, MW_BIND: 16 } as const;

/** IBV_MW_TYPE_*. */
export const MW_TYPE = { TYPE_1: 1, TYPE_2: 2 } as const;

/** Bits of `IBV_DEVICE_ATTR.DEVICE_CAP_FLAGS`. */
export const DEVICE_CAP = { MEM_WINDOW: 1 << 17 } as const;

/** IBV_QPT_*: reliable connections only. */
export const QP_TYPE = { RC: 2 } as const;

/** IBV_QPS_*: states of a queue pair. */
export const QP_STATE = { RESET: 0, INIT: 1, RTR: 2, RTS: 3, SQD: 4, SQE: 5, ERR: 6 } as const;

/** IBV_QP_*: what ibv_modify_qp looks at. */
export const QP_ATTR_MASK = { STATE: 1 } as const;

/** RDMA_PS_*: port spaces; TCP for IP addresses, IB for GIDs. */
export const PORT_SPACE = { TCP: 0x0106, IB: 0x013f } as const;

/** RDMA_OPTION_*: level and name of the option that rdma_set_option sets. */
export const CM_OPTION = { ID: 0, ID_REUSEADDR: 1, ID_AFONLY: 2 } as const;

/** RDMA_CM_EVENT_*. */
export const CM_EVENT = {
  ADDR_RESOLVED: 0,
  ADDR_ERROR: 1,
  ROUTE_RESOLVED: 2,
  ROUTE_ERROR: 3,
  CONNECT_REQUEST: 4,
  CONNECT_RESPONSE: 5,
  CONNECT_ERROR: 6,
  UNREACHABLE: 7,
  REJECTED: 8,
  ESTABLISHED: 9,
  DISCONNECTED: 10,
  DEVICE_REMOVAL: 11,
  MULTICAST_JOIN: 12,
  MULTICAST_ERROR: 13,
  ADDR_CHANGE: 14,
  TIMEWAIT_EXIT: 15,
} as const;

/** IBV_WC_*: how a work request ended. */
export const WC_STATUS = {
  SUCCESS: 0,
  LOC_LEN_ERR: 1,
  LOC_QP_OP_ERR: 2,
  LOC_EEC_OP_ERR: 3,
  LOC_PROT_ERR: 4,
  WR_FLUSH_ERR: 5,
  MW_BIND_ERR: 6,
  BAD_RESP_ERR: 7,
  LOC_ACCESS_ERR: 8,
  REM_INV_REQ_ERR: 9,
  REM_ACCESS_ERR: 10,
  REM_OP_ERR: 11,
  RETRY_EXC_ERR: 12,
  RNR_RETRY_EXC_ERR: 13,
  LOC_RDD_VIOL_ERR: 14,
  REM_INV_RD_REQ_ERR: 15,
  REM_ABORT_ERR: 16,
  INV_EECN_ERR: 17,
  INV_EEC_STATE_ERR: 18,
  FATAL_ERR: 19,
  RESP_TIMEOUT_ERR: 20,
  GENERAL_ERR: 21,
} as const;
