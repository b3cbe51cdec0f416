import type { Job } from "../api/types";
import { text } from "./en";
import { sentence } from "./notes";

/** What the server calls the steps themselves. */
export const RESTORING = "restoring";

/**
 * What is being done by a job that runs, as a sentence; where these are the steps of the task itself, `task`.
 * A job of which nothing is known yet is starting.
 */
export function doingOf({ progress }: Job, task: string): string {
  if (progress === null) return text.status.starting;
  return progress.doing === "" || progress.doing === RESTORING ? task : sentence(progress.doing);
}
