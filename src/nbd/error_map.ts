/** Errno of a device → error of a reply. NBD allows eight values (proto.md, error values). */
import { ERRNO } from "../ffi/errno.ts";
import { NBD_ERROR } from "./protocol.ts";

const EDQUOT = 122;
const ERRNO_MAX = 256;

const ERROR_OF_ERRNO = new Uint8Array(ERRNO_MAX).fill(NBD_ERROR.EIO);
ERROR_OF_ERRNO[0] = 0;
ERROR_OF_ERRNO[ERRNO.EPERM] = NBD_ERROR.EPERM;
ERROR_OF_ERRNO[ERRNO.EACCES] = NBD_ERROR.EPERM;
ERROR_OF_ERRNO[ERRNO.EROFS] = NBD_ERROR.EPERM;
ERROR_OF_ERRNO[ERRNO.ENOMEM] = NBD_ERROR.ENOMEM;
ERROR_OF_ERRNO[ERRNO.EINVAL] = NBD_ERROR.EINVAL;
ERROR_OF_ERRNO[ERRNO.ENOSPC] = NBD_ERROR.ENOSPC;
ERROR_OF_ERRNO[ERRNO.EFBIG] = NBD_ERROR.ENOSPC;
ERROR_OF_ERRNO[EDQUOT] = NBD_ERROR.ENOSPC;
ERROR_OF_ERRNO[ERRNO.EOVERFLOW] = NBD_ERROR.EOVERFLOW;
ERROR_OF_ERRNO[ERRNO.EOPNOTSUPP] = NBD_ERROR.ENOTSUP;

/** The error that a reply carries for `errno`; EIO for whatever the protocol has no word for. */
export function nbdError(errno: number): number {
  return errno >= 0 && errno < ERRNO_MAX ? ERROR_OF_ERRNO[errno] : NBD_ERROR.EIO;
}
