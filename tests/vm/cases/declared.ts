/** A node follows its config with block devices, over the carrier of the combination. */
import assert from "node:assert/strict";
import type { ApplyResult, Plan, PlanStep } from "../../../src/appliance/appliance_api.ts";
import { type Appliance, startAppliance } from "../../support/appliance.ts";
import {
  DeclaredNode,
  declaredServer,
  runTenEdits,
  type Surroundings,
} from "../../support/declared_node.ts";
import { FioLoad } from "../../support/fio_load.ts";
import { run, waitFor } from "../../support/process.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { RDMA_ADDRESS, RDMA_ADDRESS_V6 } from "../guest/network.ts";
import { PATIENCE, request } from "../guest/our_peers.ts";
import { type Combination, PeerError } from "../guest/peers.ts";

const TIMEOUT_MS = 900_000;
const APPLY_TIMEOUT_MS = 300_000;
const PORT = 1300;
const UBLK_DEVICES = "/sys/class/ublk-char";

let folders = 0;

/** Asked by the control API: each start of the command line takes seconds here. */
class ApiNode extends DeclaredNode {
  override async plan(): Promise<PlanStep[]> {
    return [...(await request(this.client, "GET", "/v1/plan") as Plan).steps];
  }

  override async apply(timeoutMs = APPLY_TIMEOUT_MS): Promise<ApplyResult> {
    return await request(this.client, "POST", "/v1/apply", {
      timeout_ms: timeoutMs,
    }) as ApplyResult;
  }

  override async refusals(): Promise<string[]> {
    const refused = async (asked: Promise<unknown>) => {
      const error = await asked.then(() => undefined, (error: unknown) => error);
      assert.ok(error instanceof PeerError, "the wrong file was taken");
      return error.message;
    };
    return [await refused(this.plan()), await refused(this.apply())];
  }
}

async function start(context: CaseContext, surroundings: Surroundings): Promise<ApiNode> {
  const { directory } = surroundings;
  const begin = async (name: string, config: string): Promise<Appliance> =>
    context.use(await startAppliance({ config, directory, name, patience: PATIENCE }));
  await begin("server", declaredServer(surroundings));
  return new ApiNode(surroundings, await begin("client", DeclaredNode.empty(surroundings)));
}

/** A file system that is mounted on the mapping. */
async function mount(directory: string, name: string): Promise<AsyncDisposable> {
  const device = `/dev/rnbd/${name}`;
  const at = `${directory}/mounted`;
  await Deno.mkdir(at);
  await run("mkfs.ext4", ["-q", device]);
  await run("mount", [device, at]);
  return { [Symbol.asyncDispose]: async () => void await run("umount", [at]) };
}

const ublkDevices = (): number => [...Deno.readDirSync(UBLK_DEVICES)].length;

async function followsConfig(context: CaseContext): Promise<void> {
  await context.stopPeers();
  await run("modprobe", ["ublk_drv"]);
  const directory = `/run/rnbd-test/declared-${++folders}`;
  await Deno.mkdir(directory, { recursive: true });
  const isRdma = context.combination.carrier === "ip";
  const surroundings: Surroundings = {
    directory,
    addresses: isRdma
      ? [`ip:${RDMA_ADDRESS}`, `ip:${RDMA_ADDRESS_V6}`]
      : ["tcp:127.0.0.1", "tcp:127.0.0.2"],
    port: PORT,
    expose: "ublk",
    endTimeoutMs: 60_000,
  };
  const node = await start(context, surroundings);
  const fio = "/usr/bin/fio";
  await runTenEdits(node, {
    step: async (name, part) => {
      const begin = performance.now();
      await part();
      context.note(`${name}: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    },
    load: (name) => Promise.resolve(new FioLoad(fio, `/dev/rnbd/${name}`)),
    use: (name) => mount(directory, name),
  });
  assert.equal(ublkDevices(), Object.keys(node.document.mappings).length);
  await followsConfigAfterCrash(context, node);
}

/** What a dead client left is taken back, and what no file names any more is removed. */
async function followsConfigAfterCrash(context: CaseContext, node: ApiNode): Promise<void> {
  await node.client.kill("SIGKILL");
  delete node.document.mappings["a9"];
  node.client = context.use(
    await startAppliance({
      config: node.text(),
      directory: node.surroundings.directory,
      name: "client",
      patience: PATIENCE,
    }),
  );
  const isFollowed = async () => (await node.status()).config.pending.length === 0;
  await waitFor(isFollowed, node.surroundings.endTimeoutMs, "the leftover to be removed");
  await node.assertAsDeclared();
  assert.deepEqual(await node.plan(), []);
  assert.equal(ublkDevices(), Object.keys(node.document.mappings).length);
  await node.client.stop();
}

/** Cases of this file. */
export const DECLARED_CASES: readonly GuestCase[] = [
  {
    name: "from nothing to 30 declared mappings, ten edits under load, and a crash",
    timeoutMs: TIMEOUT_MS,
    appliesTo: ({ client, server }: Combination) => client === "ours" && server === "ours",
    run: followsConfig,
  },
];
