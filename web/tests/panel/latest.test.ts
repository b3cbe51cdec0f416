import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { latest } from "../../src/panel/latest";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function traced() {
  const signals: AbortSignal[] = [];
  const answers: ((value: string) => void)[] = [];
  const reported: string[] = [];
  const failed: unknown[] = [];
  const run = (_: number, signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<string>((resolve) => answers.push(resolve));
  };
  const made = latest(
    run,
    (result) => reported.push(result),
    (error) => failed.push(error),
    300,
  );
  return { made, signals, answers, reported, failed };
}

it("waits for a pause and runs the last request only", async () => {
  const { made, signals, answers, reported } = traced();
  made.ask(1);
  await vi.advanceTimersByTimeAsync(200);
  made.ask(2);
  await vi.advanceTimersByTimeAsync(299);
  expect(signals).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(signals).toHaveLength(1);
  answers[0]?.("done");
  await vi.advanceTimersByTimeAsync(0);
  expect(reported).toEqual(["done"]);
});

it("ends a run that is outdated and reports nothing of it", async () => {
  const { made, signals, answers, reported } = traced();
  made.now(1);
  made.ask(2);
  expect(signals[0]?.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(300);
  answers[0]?.("old");
  answers[1]?.("new");
  await vi.advanceTimersByTimeAsync(0);
  expect(reported).toEqual(["new"]);
});

it("drops what waits and what runs", async () => {
  const { made, signals, reported, failed } = traced();
  made.ask(1);
  made.drop();
  await vi.advanceTimersByTimeAsync(1000);
  expect(signals).toHaveLength(0);
  made.now(2);
  made.drop();
  expect(signals[0]?.aborted).toBe(true);
  expect([reported, failed]).toEqual([[], []]);
});

it("reports a failure of the latest run", async () => {
  const failed: unknown[] = [];
  const made = latest(
    () => Promise.reject(new Error("no")),
    () => {},
    (error) => failed.push(error),
    0,
  );
  made.now(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(failed).toHaveLength(1);
});
