/** How a request fails, and what the caller sees of it. */
import { errnoName, SystemError } from "../../ffi/errno.ts";
import { ApplianceError } from "../appliance_api.ts";
import { ConfigError, type ConfigProblem } from "../config/problems.ts";

const EXIT_TRY_AGAIN = 75;
/** The config files have errors. */
const EXIT_CONFIG = 78;
/** The request is fine, what it asks to take over is not. */
const STATUS_WRONG_CONFIG = 422;

/** What every answer that is not 2xx carries. */
export interface FailureBody {
  readonly error: {
    readonly message: string;
    /** Name of the errno, as ENOENT. */
    readonly errno: string;
    /** What the command line exits with. */
    readonly exit_code: number;
    /** The errors of the config files, when they are why. */
    readonly problems?: readonly ConfigProblem[];
  };
}

/** A request that is refused, with its HTTP status. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";

  constructor(
    readonly status: number,
    message: string,
    readonly errno: string,
    readonly exitCode: number,
    readonly problems?: readonly ConfigProblem[],
  ) {
    super(message);
  }

  /** A request that breaks the rules of the API. */
  static bad(message: string): ApiFailure {
    return new ApiFailure(400, message, "EINVAL", 64);
  }

  /** A thing that is not there. */
  static missing(message: string): ApiFailure {
    return new ApiFailure(404, message, "ENOENT", 1);
  }

  /** The answer for the caller. */
  response(headers: Record<string, string> = {}): Response {
    const { message, errno, exitCode, problems } = this;
    const more = problems === undefined ? {} : { problems };
    const body: FailureBody = { error: { message, errno, exit_code: exitCode, ...more } };
    return Response.json(body, { status: this.status, headers });
  }
}

/** HTTP status of an errno; any other is 500. */
export const STATUS_BY_ERRNO: Readonly<Record<string, number>> = {
  EINVAL: 400,
  ENAMETOOLONG: 400,
  ENOTBLK: 400,
  EADDRNOTAVAIL: 400,
  EPERM: 403,
  EACCES: 403,
  EROFS: 403,
  ENOENT: 404,
  ENXIO: 404,
  ENODEV: 404,
  EBUSY: 409,
  EEXIST: 409,
  EALREADY: 409,
  EADDRINUSE: 409,
  ENOTCONN: 409,
  EOPNOTSUPP: 501,
  ECONNREFUSED: 502,
  ECONNRESET: 502,
  EHOSTUNREACH: 502,
  ENETUNREACH: 502,
  // Mostly nobody is there to see it: the caller went away, and its load was stopped.
  ECANCELED: 409,
  EAGAIN: 503,
  ETIMEDOUT: 504,
};

/** What any error means to the caller. */
export function asFailure(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  if (error instanceof ConfigError) {
    const { message, exitCode, problems } = error;
    return new ApiFailure(STATUS_WRONG_CONFIG, message, "EINVAL", exitCode, problems);
  }
  if (error instanceof ApplianceError) {
    const status = statusOf(error);
    return new ApiFailure(status, error.message, error.errnoName, error.exitCode);
  }
  if (error instanceof SystemError) {
    const name = errnoName(error.errno);
    return new ApiFailure(STATUS_BY_ERRNO[name] ?? 500, error.message, name, 1);
  }
  const message = error instanceof Error ? error.message : String(error);
  return new ApiFailure(500, message, "EIO", 1);
}

function statusOf({ errnoName, exitCode }: ApplianceError): number {
  if (exitCode === EXIT_CONFIG) return STATUS_WRONG_CONFIG;
  return STATUS_BY_ERRNO[errnoName] ?? (exitCode === EXIT_TRY_AGAIN ? 503 : 500);
}
