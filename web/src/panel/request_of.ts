// The job that the main button of a panel starts, and the one that is checked before.
import type { JobRequest, Picture, Region, Stroke, Task } from "../api/types";
import { latestJob, tasks } from "../store/data";
import { maskOf } from "../store/mask";
import { text } from "../text/en";
import { fillRequest, hasHole, plainRequest, repairRequest } from "./requests";
import { isUnset, type Values } from "./values";

/** The damage that the last look at a picture has found. */
export function damageOf(picture: string): Region | null {
  return latestJob(picture, "repair", "look")?.region ?? null;
}

/** What the main button starts for a picture. */
export function requestOf(task: Task, picture: Picture, values: Values): JobRequest {
  if (task.name === "inpaint") return fillRequest(task, picture, values, maskOf(picture.id));
  if (task.name === "repair") {
    const both = { repair: task, inpaint: tasks.value.find(({ name }) => name === "inpaint") };
    return repairRequest(both, picture, values, maskOf(picture.id), damageOf(picture.id));
  }
  return plainRequest(task, picture, values);
}

/** The same with as few strokes as it takes to know that there are some: enough to be checked. */
export function checkedRequest(request: JobRequest): JobRequest {
  if (request.strokes === undefined) return request;
  const first: Stroke[] = request.strokes.filter((stroke) => !stroke.erase).slice(0, 1);
  return { ...request, strokes: first };
}

/** What the task still has to be told before it can be done; empty where nothing is missing. */
export function missingOf(task: Task, picture: Picture, values: Values): string {
  const t = text.panel.missing;
  if (task.name === "inpaint") return hasHole(maskOf(picture.id)) ? "" : t.inpaint;
  if (task.name === "solve") return isUnset(values.operator) ? t.solve : "";
  if (task.name === "erase") return isUnset(values.at) && isUnset(values.box) ? t.erase : "";
  return task.name === "deblur" && isUnset(values.kernel) ? t.deblur : "";
}
