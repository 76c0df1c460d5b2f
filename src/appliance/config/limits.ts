/** Bounds of the configuration, each with its reason. */

/** Bytes of a config file: a thousand exports fit in a quarter of it. */
export const CONFIG_FILE_BYTES_MAX = 1 << 20;

/** Files of a configuration: one for each mapping is possible. */
export const CONFIG_FILES_MAX = 1024;

/** Bytes of all config files together. */
export const CONFIG_BYTES_MAX = 1 << 24;

/** Arrays and inline tables inside each other: the schema needs two. */
export const TOML_NESTING_MAX = 16;

/** Errors that are listed at once: nobody reads more. */
export const CONFIG_ERRORS_MAX = 200;

/** Bytes of a session name, device path or node name (RTRS and RNBD: 255 with the final NUL). */
export const NAME_BYTES_MAX = 254;

/** Bytes of a Unix socket's path (struct sockaddr_un: 108 with the final NUL). */
export const SOCKET_PATH_BYTES_MAX = 107;

/** Bytes of a path in the file system (PATH_MAX without the final NUL). */
export const PATH_BYTES_MAX = 4095;

/** Tables of one kind (sessions, mappings, exports): more than an appliance can serve. */
export const TABLES_MAX = 1024;

/** Paths of one session (kernel: MAX_PATHS_NUM, rtrs-pri.h). */
export const PATHS_MAX = 128;
