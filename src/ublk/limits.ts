/** Bounds of the ublk exposure, each with its reason. */

/** The driver's sector, whatever the logical block is. */
export const SECTOR_BYTES = 512;

/** Pages in which the driver counts: it rounds sizes of buffers and descriptor areas to them. */
export const PAGE_BYTES = 4096;

/**
 * Most requests of a queue: each one's buffer is registered with the RDMA device and so locked in
 * memory, 8 MiB a queue with 128 KiB buffers; batches do not get cheaper beyond this.
 */
export const QUEUE_DEPTH_MAX = 64;

/** One device may hold half of a reactor's permits: another one is never kept waiting by it. */
export const PERMITS_SHARE = 0.5;

/** Distance between the descriptor areas of two queues: UBLK_MAX_QUEUE_DEPTH descriptors. */
export const DESCRIPTOR_AREA_STRIDE_BYTES = 4096 * 24;

/** Longest I/O that the driver takes (UBLK_IO_BUF_BITS). */
export const IO_BYTES_MAX = 1 << 25;

/** The block layer keeps lengths in 32 bits: longer discards would overflow (UINT32_MAX >> 9). */
export const RANGE_SECTORS_MAX = 0xffff_ffff >>> 9;

/** udev may take its time to make /dev/ublkcN where there is no devtmpfs. */
export const NODE_TIMEOUT_MS = 5_000;
export const NODE_RETRY_MS = 20;

/** DEL_DEV waits for everybody who has the device open; after this long we say who that is. */
export const DELETE_TIMEOUT_MS = 5_000;

/** A killed server's descriptor closes when its threads are gone, which takes a while. */
export const RECOVERY_TIMEOUT_MS = 30_000;
export const RECOVERY_RETRY_MS = 50;

/** A device whose server is there after this long is being served. */
export const SERVED_TIMEOUT_MS = 5_000;

/** udev looks into every new or changed device for a moment; that is no user. */
export const SETTLE_TIMEOUT_MS = 1_000;
export const SETTLE_RETRY_MS = 100;
