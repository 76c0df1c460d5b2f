/** The manual page rnbd-appliance.toml(5). */
import { MANUAL, type ManualSection } from "../appliance/config/manual.ts";
import { TABLES } from "../appliance/config/schema.ts";
import { roffExample, roffHead, roffParagraph, roffSection } from "./roff.ts";
import { roffSubsection, roffTagged } from "./roff.ts";

const EXAMPLE = `[[session]]
sessname = "backup"
paths = ["ip:192.0.2.1"]

[[mapping]]
name = "scratch"
sessname = "backup"
device_path = "disk0.img"
`;

function section({ title, paragraphs, items, example }: ManualSection): string {
  return roffSection(
    title.toUpperCase(),
    ...paragraphs.map(roffParagraph),
    ...items.map(({ term, text }) => roffTagged(term, text)),
    example === "" ? "" : roffExample(example),
  );
}

function table({ header, doc, keys }: typeof TABLES[number]): string {
  const entries = Object.entries(keys).map(([name, { doc, allowed, fallbackText }]) => {
    const fallback = fallbackText === null ? "Required." : `Default: ${fallbackText}.`;
    return roffTagged(`\`${name}\``, doc, `Value: ${allowed}. ${fallback}`);
  });
  return roffSubsection(header, roffParagraph(doc), ...entries);
}

/** The page as roff. */
export function configPage(): string {
  return [
    roffHead({
      name: "rnbd-appliance.toml",
      section: 5,
      source: "rnbd-appliance",
      manual: "File formats",
    }),
    roffSection("NAME", "rnbd\\-appliance.toml \\- what rnbd\\-appliance serves and maps\n"),
    roffSection(
      "DESCRIPTION",
      roffParagraph(
        "A TOML file, and drop-ins beside it, say what an appliance serves to others, and which " +
          "devices of others it makes available here. `rnbd-appliance --config FILE` works " +
          'towards what they say. Sizes are bytes (`4096`) or strings with a unit (`"128KiB"`, ' +
          '`"1GiB"`; powers of 1024).',
      ),
      roffParagraph(
        "A configuration without `[server]` serves nothing; one without `[[mapping]]` maps " +
          "nothing until somebody says `rnbd-appliance map`.",
      ),
      roffParagraph(
        "`rnbd-appliance check --config FILE` prints every error as `FILE:line:column: key:` " +
          "what is wrong, and what would be right, and exits with 78.",
      ),
    ),
    ...MANUAL.map(section),
    roffSection("TABLES AND KEYS", ...TABLES.map(table)),
    roffSection(
      "EXAMPLES",
      roffParagraph("Makes a file of the server 192.0.2.1 a block device here:"),
      roffExample(EXAMPLE),
    ),
    roffSection("SEE ALSO", roffParagraph("`rnbd-appliance`(8)")),
  ].join("");
}
