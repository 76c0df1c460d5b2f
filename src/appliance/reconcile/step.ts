/** One step of a plan, with what is needed to do it. */
import type {
  ExportConfig,
  LiveNodeConfig,
  MappingConfig,
  SessionConfig,
} from "../config/config.ts";
import type { PlanAction, PlanChange, PlanKind } from "../status.ts";
import type { ActualFailure } from "./actual.ts";
import type { Origin } from "./desired.ts";

/** What has to be done. To make something anew is to take it away: then it is missing. */
export type Work =
  | { readonly kind: "openSession"; readonly session: SessionConfig; readonly origin: Origin }
  | { readonly kind: "changeSession"; readonly session: SessionConfig; readonly origin: Origin }
  /** With all its mappings. */
  | { readonly kind: "closeSession"; readonly sessname: string; readonly mappings: Removals }
  | { readonly kind: "map"; readonly mapping: MappingConfig; readonly origin: Origin }
  /** What can be changed while it is in use. */
  | { readonly kind: "changeMapping"; readonly mapping: MappingConfig; readonly origin: Origin }
  /** Tries to open what is closed. */
  | { readonly kind: "reopen"; readonly name: string }
  | { readonly kind: "unmap"; readonly name: string; readonly force: boolean }
  | { readonly kind: "setExport"; readonly edit: ExportEdit }
  | { readonly kind: "deleteLeftover"; readonly id: number }
  | { readonly kind: "changeNode"; readonly settings: LiveNodeConfig };

/** Mappings that go with their session. */
export type Removals = readonly { readonly name: string; readonly force: boolean }[];

/** A change of one export. */
export interface ExportEdit {
  /** {@link exportKey} of what is changed. */
  readonly key: string;
  /** Undefined: it goes. */
  readonly rule: ExportConfig | undefined;
  /** Keys of all exports in the order of the files, which decides where several match. */
  readonly order: readonly string[];
}

/** See the head of this file. */
export interface Step {
  readonly action: PlanAction;
  readonly kind: PlanKind;
  readonly name: string;
  /** Why, in words. */
  readonly reason: string;
  readonly changes: readonly PlanChange[];
  /** Nobody else may work on these meanwhile. */
  readonly locks: readonly string[];
  /** These must stay as they are meanwhile. */
  readonly needs: readonly string[];
  /** Undefined: nothing can be done about it now; {@link waitsFor} says why. */
  readonly work: Work | undefined;
  /** Keys of `Users` that must be known, and empty, before the work may be done. */
  readonly asks: readonly string[];
  /** False: another step comes first. */
  readonly isReady: boolean;
  readonly waitsFor: string | null;
  /** Only `apply` does it: it is tried by itself already, or of no use. */
  readonly isOptional: boolean;
  /** Why the thing is not as it should be, when it says so itself. */
  readonly failure: ActualFailure | undefined;
}

/** A step that can be done at once, and how it differs from that. */
export function step(
  head: Pick<Step, "action" | "kind" | "name" | "reason" | "work"> & Partial<Step>,
): Step {
  return {
    changes: [],
    locks: [`${head.kind} ${head.name}`],
    needs: [],
    asks: [],
    isReady: true,
    waitsFor: null,
    isOptional: false,
    failure: undefined,
    ...head,
  };
}
