/**
 * Where the module of the Workers is. The build of an executable puts a module of its own in the
 * place of this one (packaging/executable/bundle.ts).
 */

/** See the head of this file. */
export const REACTOR_WORKER: URL = new URL("./reactor_worker.ts", import.meta.url);
