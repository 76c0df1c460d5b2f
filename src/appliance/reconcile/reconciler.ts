/**
 * Makes the node what it should be, and keeps it so. It knows nothing but what should be and what
 * is: each round compares the two afresh and starts what can be started, so that it does not matter
 * what was done, lost or interrupted before. A round follows every change, every piece of work that
 * ends, and the reconcile interval. Synchronous: time, chance and the world are handed in.
 */
import type { Clock, Timer } from "../../rtrs/clock.ts";
import type { PlanStep } from "../status.ts";
import type { Users } from "./actual.ts";
import type { Desired } from "./desired.ts";
import { LockTable } from "./lock_table.ts";
import {
  ACTIONS_MAX,
  RETRY_FIRST_MS,
  RETRY_LAST_MS,
  ROUND_DELAY_MS,
  ROUND_GAP_MS,
  ROUND_REST,
  WAIT_RETRY_MS,
} from "./limits.ts";
import { makePlan, publicStep } from "./plan.ts";
import { type Rest, RetryTable } from "./retry_table.ts";
import type { Step } from "./step.ts";
import type { WorkFailure, World } from "./world.ts";

/** What the reconciler is made of. */
export interface ReconcilerParts {
  readonly world: World;
  readonly clock: Clock;
  /** From 0 up to, not including, 1. */
  random(): number;
  readonly intervalMs: number;
  /** Another function in tests that plant a fault. */
  readonly plan?: typeof makePlan;
}

/** Told what it does. */
export interface ReconcilerUser {
  onDone(step: Step): void;
  onFailed(step: Step, failure: WorkFailure): void;
  /** It waits for something, and did not a moment ago. */
  onWaiting(step: Step): void;
  /** A round has ended: everything that could be started has been. */
  onRound(): void;
}

/** What people and the log call a step's subject. */
export const nameOf = (step: Pick<Step, "kind" | "name">): string => `${step.kind} ${step.name}`;
const subjectOf = (step: Step): string => JSON.stringify([step.action, step.work]);

/** See the head of this file. */
export class Reconciler {
  /** Time between two rounds when nothing happens. */
  intervalMs: number;
  /** Rounds so far. */
  rounds = 0;
  private readonly makePlan: typeof makePlan;
  private readonly retries: RetryTable;
  /** What is being worked on. */
  private readonly locks = new LockTable();
  private running = 0;
  private timer: Timer | undefined;
  private timerAt = Infinity;
  private lastRoundAt = -Infinity;
  /** No round before, by the clock. */
  private restUntil = -Infinity;
  private isAsking = false;
  private isEager = false;
  /** Optional steps that are still to be tried once, by name. */
  private readonly eager = new Set<string>();
  /** Counts up when there is a reason to try at once: what began before it is no final word. */
  private reasonsToTry = 0;
  private isStopped = false;
  /** As of the last look at each. */
  private readonly users = new Map<string, readonly string[]>();

  constructor(
    private readonly parts: ReconcilerParts,
    private desired: Desired,
    private readonly user: ReconcilerUser,
  ) {
    this.makePlan = parts.plan ?? makePlan;
    this.intervalMs = parts.intervalMs;
    const settings = { firstMs: RETRY_FIRST_MS, lastMs: RETRY_LAST_MS };
    this.retries = new RetryTable(settings, parts.random);
  }

  /** What the node should be from now on; a round follows. */
  want(desired: Desired): void {
    this.desired = desired;
    this.wake();
  }

  /** Forgets all pauses, and tries also what was given up; a round follows. */
  tryEverything(): void {
    this.retries.forgetAll();
    this.reasonsToTry++;
    this.isEager = true;
    this.wake();
  }

  /** Something happened. @param key `kind name` of what is to be tried without a pause */
  wake(key?: string): void {
    if (key !== undefined) {
      this.retries.forget(key);
      this.reasonsToTry++;
    }
    const soonest = this.parts.clock.now() + ROUND_DELAY_MS;
    this.schedule(Math.max(soonest, this.restUntil));
  }

  /** No round any more; what is under way ends by itself. */
  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  private schedule(at: number): void {
    if (this.isStopped || at >= this.timerAt) return;
    this.timer?.cancel();
    const { clock } = this.parts;
    this.timerAt = at;
    this.timer = clock.after(Math.max(0, at - clock.now()), () => this.round());
  }

  private round(): void {
    this.timer = undefined;
    this.timerAt = Infinity;
    this.lastRoundAt = this.parts.clock.now();
    if (this.isStopped) return;
    // The answer starts what can be started; it may be some time coming.
    this.schedule(this.parts.clock.now() + this.intervalMs);
    if (this.isAsking) return;
    const steps = this.plan(new Map());
    const keys = this.startable(steps).flatMap(({ asks }) => asks);
    if (keys.length === 0) return this.start(steps, new Map());
    this.isAsking = true;
    this.parts.world.askUsers([...new Set(keys)], (users) => {
      this.isAsking = false;
      if (this.isStopped) return;
      // The world has gone on meanwhile.
      this.lastRoundAt = this.parts.clock.now();
      this.start(this.plan(users), users);
    });
  }

  private plan(users: Users): Step[] {
    return this.makePlan(this.desired, this.parts.world.actual(), users);
  }

  /** Steps that nothing holds up but, maybe, their users; at most as many as can be started. */
  private startable(steps: readonly Step[]): Step[] {
    const now = this.parts.clock.now();
    return steps.filter((step) => {
      if (step.work === undefined) return false;
      if (step.isOptional && !this.isEager && !this.eager.has(nameOf(step))) return false;
      if (!step.isReady && step.asks.length === 0) return false;
      if (!this.locks.isFree(step)) return false;
      return (this.restOf(step)?.until ?? 0) <= now;
    }).slice(0, ACTIONS_MAX - this.running);
  }

  private restOf(step: Step): Rest | undefined {
    const name = nameOf(step);
    return this.retries.has(name) ? this.retries.of(name, subjectOf(step)) : undefined;
  }

  /** @param users of this moment: what was true a round ago takes nothing from anybody */
  private start(steps: readonly Step[], users: Users): void {
    this.rounds++;
    this.noteUsers(steps, users);
    const now = this.parts.clock.now();
    const names = new Set(steps.map(nameOf));
    this.retries.keepOnly(names);
    for (const name of this.eager) if (!names.has(name)) this.eager.delete(name);
    const startable = this.startable(steps);
    if (this.isEager) {
      for (const step of steps) if (step.isOptional) this.eager.add(nameOf(step));
    }
    this.isEager = false;
    const starting = startable.filter(({ isReady, waitsFor }) => isReady && waitsFor === null);
    for (const step of startable) {
      if (starting.includes(step)) continue;
      const isNews = this.restOf(step) === undefined;
      this.retries.waits(nameOf(step), subjectOf(step), now + WAIT_RETRY_MS);
      if (isNews && step.waitsFor !== null) this.user.onWaiting(step);
    }
    const made = starting.flatMap(({ work }) => work!.kind === "map" ? [work!.mapping.name] : []);
    if (made.length > 0) this.parts.world.remember(made);
    for (const step of starting) this.run(step);
    this.schedule(Math.min(now + this.intervalMs, this.retries.nextEnd(now)));
    this.user.onRound();
    const roundMs = this.parts.clock.now() - this.lastRoundAt;
    this.restUntil = this.lastRoundAt + Math.max(ROUND_GAP_MS, roundMs * ROUND_REST);
  }

  private noteUsers(steps: readonly Step[], users: Users): void {
    for (const [key, who] of users) this.users.set(key, who);
    const asked = new Set(steps.flatMap(({ asks }) => asks));
    for (const key of this.users.keys()) if (!asked.has(key)) this.users.delete(key);
  }

  private run(step: Step): void {
    // A step before it in this round may have taken what it needs.
    if (!this.locks.isFree(step)) return;
    this.locks.take(step);
    this.eager.delete(nameOf(step));
    this.running++;
    const { reasonsToTry } = this;
    this.parts.world.run(step.work!, (failure) => {
      this.running--;
      this.locks.give(step);
      const isOutdated = reasonsToTry !== this.reasonsToTry;
      this.onEnd(step, failure && { ...failure, isTerminal: failure.isTerminal && !isOutdated });
    });
  }

  private onEnd(step: Step, failure: WorkFailure | undefined): void {
    if (this.isStopped) return;
    const now = this.parts.clock.now();
    if (failure === undefined) {
      this.retries.done(nameOf(step), subjectOf(step), now);
      this.user.onDone(step);
    } else {
      const { reason, isTerminal } = failure;
      this.retries.failed(nameOf(step), subjectOf(step), reason, isTerminal, now);
      this.user.onFailed(step, failure);
    }
    this.wake();
  }

  /** Whether the last try of `kind name` failed. */
  hasFailed(name: string): boolean {
    return this.retries.hasFailed(name);
  }

  /** True when nothing goes on and nothing more will, before something changes. */
  isAtRest(): boolean {
    if (this.running > 0 || this.isAsking || this.isEager || this.eager.size > 0) return false;
    return this.plan(this.users).every((step) => {
      if (step.work === undefined) return true;
      if (step.isOptional) return step.isReady && step.failure?.isTerminal === true;
      return this.restOf(step)?.until === Infinity;
    });
  }

  /** What is missing until the node is as it should be, and how far that is. */
  pending(): PlanStep[] {
    const now = this.parts.clock.now();
    return this.plan(this.users).map((step) => {
      // What is tried by itself, or not at all, says so itself.
      const rest = step.isOptional ? undefined : this.restOf(step);
      const nextTryMs = rest === undefined || rest.reason === null || rest.until === Infinity
        ? null
        : Math.max(0, Math.round(rest.until - now));
      return publicStep(step, rest?.reason ?? null, nextTryMs);
    });
  }
}
