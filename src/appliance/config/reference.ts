/** The generated part of `docs/config.md`. */
import { MANUAL, type ManualSection } from "./manual.ts";
import { TABLES } from "./schema.ts";

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function code(text: string): string {
  return text.includes("`") || text.includes(" ") ? text : `\`${text}\``;
}

function section({ title, paragraphs, items, example }: ManualSection): string {
  const list = items.map(({ term, text }) => `- **${term}.** ${text}`).join("\n");
  const block = example === "" ? "" : `\`\`\`toml\n${example}\`\`\``;
  return [`## ${title}`, ...paragraphs, list, block].filter((part) => part !== "").join("\n\n");
}

function table({ header, doc, keys }: typeof TABLES[number]): string {
  const rows = Object.entries(keys).map(([name, key]) => {
    const fallback = key.fallbackText === null ? "**required**" : code(key.fallbackText);
    const cells = [`\`${name}\``, cell(key.allowed), cell(fallback), cell(key.doc)];
    return `| ${cells.join(" | ")} |`;
  });
  const head = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"];
  return [`### \`${header}\``, "", doc, "", ...head, ...rows].join("\n");
}

/** What is said about several files and several keys, and every table and key, as Markdown. */
export function configReference(): string {
  const parts = [...MANUAL.map(section), "## Reference", ...TABLES.map(table)];
  return `${parts.join("\n\n")}\n`;
}
