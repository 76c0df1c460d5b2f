/** What defaults depend on besides the config file. */

/** Facts about this process and machine. */
export interface Environment {
  readonly hostName: string;
  readonly uid: number;
  readonly xdgRuntimeDir: string | undefined;
  readonly cores: number;
}

/** The facts as they are now. */
export function currentEnvironment(): Environment {
  return {
    hostName: Deno.hostname(),
    uid: Deno.uid() ?? 0,
    xdgRuntimeDir: Deno.env.get("XDG_RUNTIME_DIR"),
    cores: navigator.hardwareConcurrency,
  };
}

/** Where sockets and state live when nothing else is said. */
export function defaultRuntimeDir(environment: Environment): string {
  if (environment.uid === 0) return "/run/rnbd-appliance";
  const base = environment.xdgRuntimeDir;
  if (base !== undefined && base.startsWith("/")) return `${base}/rnbd-appliance`;
  return `/tmp/rnbd-appliance-${environment.uid}`;
}
