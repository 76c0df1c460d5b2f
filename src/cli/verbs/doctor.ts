/** `doctor` */
import { type Examination, examine } from "../../appliance/doctor/doctor.ts";
import type { Way } from "../../appliance/doctor/finding.ts";
import { wantsJson } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { formatAnnotated, formatTable } from "../text_table.ts";

const WAY_TITLES: Readonly<Record<Way, string>> = {
  tcp: "serve and map over TCP (tcp:)",
  rdma: "serve and map over RDMA (ip:, gid:)",
  nbd: "expose by NBD",
  ublk: "expose as block devices (ublk)",
};

/** Says what this machine can do. */
export const doctor: VerbRunner = async (args, { terminal, machine }) => {
  const isJson = wantsJson(args);
  const examination = await examine(await machine());
  terminal.print(
    isJson ? JSON.stringify(examination, null, 2) : examinationLines(examination).join("\n"),
  );
  const { tcp, nbd } = examination.ways;
  return tcp && nbd ? EXIT.OK : EXIT.UNAVAILABLE;
};

/** The examination for people. */
function examinationLines({ findings, ways }: Examination): string[] {
  let last = "";
  const rows = findings.map(({ area, what, state, found }) => {
    const title = area === last ? "" : area;
    last = area;
    return [title, what, state, found];
  });
  const columns = [{ title: "AREA" }, { title: "WHAT" }, { title: "STATE" }, { title: "FOUND" }];
  const answers = (Object.keys(WAY_TITLES) as Way[]).map((way) => {
    const lacking = findings.filter(({ needed_for }) => needed_for.includes(way));
    const why = lacking.map(({ area, what }) => `${area} ${what}`).join(", ");
    return [WAY_TITLES[way], ways[way] ? "yes" : `no: ${why}`];
  });
  return [
    ...formatAnnotated(columns, rows, findings.map(({ advice }) => advice ?? "")),
    "",
    ...formatTable([{ title: "CAN THIS MACHINE …" }, { title: "" }], answers),
  ];
}
