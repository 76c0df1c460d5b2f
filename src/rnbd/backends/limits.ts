/** Bounds of the back ends, each with its reason. */

/** Search path and name: PATH_MAX without its NUL, as in the original. */
export const DEVICE_PATH_BYTES_MAX = 4095;

/** One discard or write-zeroes: a block request counts its bytes in 32 bits (UINT32_MAX >> 9). */
export const ZEROING_SECTORS_MAX = 0x7f_ffff;

/** Write-zeroes that has to write zeroes: longer ones would hold a request slot for seconds. */
export const WRITTEN_ZEROES_BYTES_MAX = 32 * 2 ** 20;

/** The shared range of zeroes that is written from: pages of it that nobody wrote cost nothing. */
export const ZEROES_BYTES = 2 ** 20;

/** Bytes of a memory disk that are zeroed before the reactor looks at its other work (< 1 ms). */
export const MEMORY_ZEROING_STEP_BYTES = 4 * 2 ** 20;

/** Tries of one operation after EAGAIN or EINTR without progress; then the errno is passed on. */
export const RETRIES_MAX = 16;

/** Physical block size announced at most: larger ones do not fit the wire's 16 bits. */
export const PHYSICAL_BLOCK_BYTES_MAX = 32_768;
