/** Columns that several tables have. */
import { element, setAttributes, setText } from "./dom.ts";
import type { OpenDetails } from "./model.ts";
import type { Column } from "./paged_table.ts";
import type { Subject } from "./problems.ts";
import { type Mood, StateMark } from "./state_mark.ts";

/** Moods in the order in which a person wants to see them. */
const URGENCY: readonly Mood[] = ["bad", "warn", "good", "quiet"];

/** A column of shapes and words. */
export function stateColumn<Row>(
  title: string,
  stateOf: (row: Row) => readonly [Mood, string],
): Column<Row> {
  return {
    title,
    importance: 1,
    order: (row) => URGENCY.indexOf(stateOf(row)[0]),
    makeCell() {
      const mark = new StateMark();
      return { content: mark.root, fill: (row) => mark.set(...stateOf(row)) };
    },
  };
}

/** A column of names that open the details. */
export function nameColumn<Row>(
  title: string,
  subjectOf: (row: Row) => Subject,
  openDetails: OpenDetails,
): Column<Row> {
  return {
    title,
    importance: 1,
    order: (row) => subjectOf(row).name,
    makeCell() {
      const content = element("button", {
        type: "button",
        class: "name",
        "aria-haspopup": "dialog",
      });
      let subject: Subject | undefined;
      content.addEventListener("click", () => {
        if (subject !== undefined) openDetails(subject);
      });
      const fill = (row: Row) => {
        subject = subjectOf(row);
        setText(content, subject.name);
        setAttributes(content, { title: subject.name });
      };
      return { content, fill };
    },
  };
}
