/** The reference part of the documentation, made of the schema. */
import { TABLES } from "./schema.ts";

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function code(text: string): string {
  return text.includes("`") || text.includes(" ") ? text : `\`${text}\``;
}

/** Every table and key as Markdown. */
export function configReference(): string {
  return TABLES.map(({ header, doc, keys }) => {
    const rows = Object.entries(keys).map(([name, key]) => {
      const fallback = key.fallbackText === null ? "**required**" : code(key.fallbackText);
      const cells = [`\`${name}\``, cell(key.allowed), cell(fallback), cell(key.doc)];
      return `| ${cells.join(" | ")} |`;
    });
    const head = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"];
    return [`### \`${header}\``, "", doc, "", ...head, ...rows, ""].join("\n");
  }).join("\n");
}
