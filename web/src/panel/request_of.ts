// The job that the main button of a panel starts, and the one that is checked before.
import type { JobRequest, Picture, Stroke, Task } from "../api/types";
import { tasks } from "../store/data";
import { maskOf } from "../store/mask";
import { fillRequest, hasHole, NO_MASK, plainRequest, repairRequest } from "./requests";
import { damageOf } from "./tasks/Repair";
import type { Values } from "./values";

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

/** Whether there is a mask where the task needs one. */
export function isReady(task: Task, picture: Picture): boolean {
  return task.name !== "inpaint" || hasHole(maskOf(picture.id) ?? NO_MASK);
}
