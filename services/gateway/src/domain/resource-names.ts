import type { AccountId, DatasetId, JobId, ModelId, RecipeId } from "@gradients/kernel";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function projectName(projectId: AccountId): string {
  return `projects/${projectId}`;
}

export function datasetName(projectId: AccountId, datasetId: DatasetId): string {
  return `projects/${projectId}/datasets/${datasetId}`;
}

export function jobName(projectId: AccountId, jobId: JobId): string {
  return `projects/${projectId}/jobs/${jobId}`;
}

export function apiKeyName(projectId: AccountId, keyId: string): string {
  return `projects/${projectId}/apiKeys/${keyId}`;
}

export function modelName(modelId: ModelId): string {
  return `models/${modelId}`;
}

export function recipeName(recipeId: RecipeId): string {
  return `recipes/${recipeId}`;
}

/** The id in `models/{model}`; undefined when the text is no such name. */
export function parseModelName(name: string): ModelId | undefined {
  return idAfter("models", name) as ModelId | undefined;
}

/** The id in `recipes/{recipe}`; undefined when the text is no such name. */
export function parseRecipeName(name: string): RecipeId | undefined {
  return idAfter("recipes", name) as RecipeId | undefined;
}

/** What a name below a project points at. Ids that no resource can have (they are all UUIDs) count as unknown. */
export interface ChildName<Id extends string> {
  readonly projectId: AccountId;
  readonly id: Id;
}

/** Splits `projects/{project}/{collection}/{id}`; undefined when the text is no such name or an id is no UUID. */
export function parseChildName<Id extends string>(
  collection: string,
  name: string,
): ChildName<Id> | undefined {
  const [projects, projectId = "", found, id = "", ...rest] = name.split("/");
  if (projects !== "projects" || found !== collection || rest.length > 0) return undefined;
  if (!UUID.test(projectId) || !UUID.test(id)) return undefined;
  return { projectId: projectId as AccountId, id: id as Id };
}

function idAfter(collection: string, name: string): string | undefined {
  const [found, id, ...rest] = name.split("/");
  return found === collection && id && rest.length === 0 ? id : undefined;
}
