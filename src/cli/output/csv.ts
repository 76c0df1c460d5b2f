/** CSV, quoted as RFC 4180 has it. */

/**
 * The records, a line each; fields with commas, quotes, line ends or blanks at an end are quoted
 * (RFC 4180, 2.6 and 2.7), and nothing of the data is changed. Lines end with LF, not with CRLF:
 * shells and awk would take the CR for a part of the last field.
 */
export function toCsv(records: readonly (readonly string[])[]): string[] {
  return records.map((record) => record.map(field).join(","));
}

function field(text: string): string {
  if (!/[",\r\n]|^\s|\s$/.test(text)) return text;
  return `"${text.replaceAll('"', '""')}"`;
}
