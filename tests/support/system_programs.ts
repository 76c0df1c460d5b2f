/** Programs of the system's administrator, for tests that an ordinary user may start too. */

const FOLDERS = ["/usr/sbin", "/sbin"];

/** Adds their folders to PATH of this process and its children, where they are missing. */
export function addSystemPrograms(): void {
  const path = (Deno.env.get("PATH") ?? "/usr/bin:/bin").split(":");
  const missing = FOLDERS.filter((folder) => !path.includes(folder));
  Deno.env.set("PATH", [...path, ...missing].join(":"));
}
