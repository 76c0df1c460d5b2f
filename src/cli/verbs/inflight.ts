/** `inflight` */
import { rowSet } from "../columns/column.ts";
import { REQUESTS } from "../columns/requests.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { printer } from "../output/result.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 65_535;

/** Lists requests that wait for their answer. */
export const inflight: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal, [REQUESTS]);
  const limit = args.integer("limit", 1, LIMIT_MAX) ?? LIMIT_DEFAULT;
  const requests = await (await connect(args)).inflight(limit);
  print({ data: { requests }, root: "rnbd", sets: [rowSet(REQUESTS, requests)] });
  return EXIT.OK;
};
