/** What is compared, in the order of the rounds and of the table. */
export const CONTENDERS = {
  "kernel-kernel": "the kernel's RNBD client and server over soft-RoCE",
  "kernel-ours": "the kernel's RNBD client, our server over soft-RoCE",
  "ours-kernel": "our client (ublk), the kernel's RNBD server over soft-RoCE",
  "ours-ours": "our client (ublk), our server over soft-RoCE",
  "nvme-rdma": "the kernel's NVMe initiator and target over soft-RoCE",
  "ours-ours-tcp": "our client (ublk), our server over TCP, loopback",
  "nvme-tcp": "the kernel's NVMe initiator and target over TCP, loopback",
} as const;

/** Name of a contender. */
export type ContenderName = keyof typeof CONTENDERS;

/** All names. */
export const CONTENDER_NAMES = Object.keys(CONTENDERS) as readonly ContenderName[];
