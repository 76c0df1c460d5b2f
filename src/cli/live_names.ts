/** Names that the appliance knows: for hints when one is unknown. */
import { ApplianceError, type Status } from "../appliance/appliance_api.ts";
import { nearestWord } from "../appliance/config/did_you_mean.ts";
import type { ControlClient } from "./control_client.ts";
import type { Target } from "./grammar/spec.ts";
import { atClient } from "./grammar/words.ts";
import { findAll, namedThings } from "./lookup.ts";

const MAPPING: readonly Target[] = atClient("device");

/**
 * Runs a call about names; when the appliance does not know one, its error says which may be
 * meant.
 * @throws ApplianceError
 */
export async function hinted<Value>(
  client: ControlClient,
  name: string | readonly string[],
  targets: readonly Target[],
  call: () => Promise<Value>,
): Promise<Value> {
  try {
    return await call();
  } catch (error) {
    throw await withHint(client, [name].flat(), targets, error);
  }
}

async function withHint(
  client: ControlClient,
  written: readonly string[],
  targets: readonly Target[],
  error: unknown,
): Promise<unknown> {
  const isUnknown = error instanceof ApplianceError && error.errnoName === "ENOENT";
  if (!isUnknown) return error;
  const status = await client.status().catch(() => undefined);
  if (status === undefined) return error;
  const names = namedThings(status, targets).map(({ names }) => names[0]!);
  const unknown = written.find((name) => !names.includes(name));
  // The names are known: something else is missing.
  if (unknown === undefined) return error;
  const meant = nearestWord(unknown, names);
  if (meant === undefined || error.message.includes(meant)) return error;
  const message = `${error.message}; did you mean ${JSON.stringify(meant)}?`;
  return new ApplianceError(message, error.errnoName, error.exitCode);
}

/** A mapping that is named by what else it is called: its block device, its device path. */
async function ownName(client: ControlClient, name: string): Promise<string | undefined> {
  const status: Status | undefined = await client.status().catch(() => undefined);
  if (status === undefined) return undefined;
  const found = findAll(name, status, MAPPING);
  return found.length === 1 ? found[0]!.name : undefined;
}

/**
 * Runs a call about a mapping; when there is none of that name, the name may be that of its block
 * device or its path at the server.
 * @throws ApplianceError, with the name that may be meant
 */
export async function aboutMapping<Value>(
  client: ControlClient,
  name: string,
  call: (name: string) => Promise<Value>,
): Promise<Value> {
  try {
    return await call(name);
  } catch (error) {
    const isUnknown = error instanceof ApplianceError && error.errnoName === "ENOENT";
    const other = isUnknown ? await ownName(client, name) : undefined;
    if (other !== undefined && other !== name) return await call(other);
    throw await withHint(client, [name], MAPPING, error);
  }
}
