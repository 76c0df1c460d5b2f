/** `doctor` */
import { type Examination, examine } from "../../appliance/doctor/doctor.ts";
import type { Way } from "../../appliance/doctor/finding.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import type { Paint } from "../output/paint.ts";
import { printer, recordSet } from "../output/result.ts";
import { formatAnnotated, formatTable } from "../output/text_table.ts";

const WAY_TITLES: Readonly<Record<Way, string>> = {
  tcp: "serve and map over TCP (tcp:)",
  rdma: "serve and map over RDMA (ip:, gid:)",
  nbd: "expose by NBD",
  ublk: "expose as block devices (ublk)",
};

/** Says what this machine can do. */
export const doctor: VerbRunner = async (args, { terminal, machine }) => {
  const print = printer(args, terminal);
  const examination = await examine(await machine());
  const records = examination.findings.map((finding) => ({
    ...finding,
    needed_for: finding.needed_for.join(" "),
  }));
  const columns = ["area", "what", "state", "found", "advice", "needed_for"];
  print({
    data: examination,
    root: "examination",
    sets: [recordSet("findings", "FINDINGS", columns, records)],
    lines: ({ paint }) => examinationLines(examination, paint),
  });
  const { tcp, nbd } = examination.ways;
  return tcp && nbd ? EXIT.OK : EXIT.UNAVAILABLE;
};

/** The examination for people. */
function examinationLines({ findings, ways }: Examination, paint: Paint): string[] {
  let last = "";
  const rows = findings.map(({ area, what, state, found }) => {
    const title = area === last ? "" : area;
    last = area;
    return [title, what, state, found];
  });
  const columns = [
    { title: "AREA" },
    { title: "WHAT" },
    { title: "STATE", isState: true },
    { title: "FOUND" },
  ];
  const answers = (Object.keys(WAY_TITLES) as Way[]).map((way) => {
    const lacking = findings.filter(({ needed_for }) => needed_for.includes(way));
    const why = lacking.map(({ area, what }) => `${area} ${what}`).join(", ");
    return [WAY_TITLES[way], ways[way] ? "yes" : `no: ${why}`];
  });
  return [
    ...formatAnnotated(columns, rows, findings.map(({ advice }) => advice ?? ""), { paint }),
    "",
    ...formatTable([{ title: "CAN THIS MACHINE …" }, { title: "" }], answers, { paint }),
  ];
}
