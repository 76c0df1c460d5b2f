/** How long to wait before the next try, after `failures` (at least 1) of them in a row. */
export function backoffMs(
  settings: { readonly reconnectDelayMs: number; readonly reconnectDelayMaxMs: number },
  failures: number,
): number {
  // Twenty doublings exceed every maximum; more would only lose precision.
  const doubled = settings.reconnectDelayMs * 2 ** Math.min(failures - 1, 20);
  return Math.min(doubled, settings.reconnectDelayMaxMs);
}
