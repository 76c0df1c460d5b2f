/** Hostile peers of RTRS and RNBD, on either side of the wire. */
import { GEOMETRY } from "../rnbd/harness/io_rig.ts";
import { Random } from "../support/random.ts";
import { attackConnects } from "./rtrs/hostile_connects.ts";
import { attackRequests } from "./rtrs/hostile_requests.ts";
import { attackClients } from "./rtrs/hostile_server.ts";

const INPUTS = 400_000;
const CONNECTS_SHARE = 0.2;
const CLIENTS_SHARE = 0.2;

/** Attacks the server's lanes, the server's door, and the client. */
export function run(inputs = INPUTS, seed = 1): void {
  const random = new Random(seed);
  const connects = Math.floor(inputs * CONNECTS_SHARE);
  const clients = Math.floor(inputs * CLIENTS_SHARE);
  attackConnects(connects, random);
  attackClients(clients, random);
  attackRequests(inputs - connects - clients, random, GEOMETRY.sizeBytes);
}

/** The disks are one sector smaller than the gate believes; must throw. */
export function planted(inputs: number, seed: number): void {
  attackRequests(inputs, new Random(seed), GEOMETRY.sizeBytes - 512);
}
