import type {
  CreateJobRequestJson,
  DatasetJson,
  GetCallerResponseJson,
  GetJobResultResponseJson,
  JobJson,
  ListJobsResponseJson,
  ListModelsResponseJson,
  ListRecipesResponseJson,
} from "@gradients/contracts/gateway";
import { readKey } from "./key.ts";
import { problemOf } from "./problem.ts";

export const api = {
  caller: () => get<GetCallerResponseJson>("/v1/caller"),
  models: () => get<ListModelsResponseJson>("/v1/models"),
  recipes: () => get<ListRecipesResponseJson>("/v1/recipes"),
  jobs: (project: string) => get<ListJobsResponseJson>(`/v1/${project}/jobs?pageSize=50`),
  job: (name: string) => get<JobJson>(`/v1/${name}`),
  result: (name: string) => get<GetJobResultResponseJson>(`/v1/${name}/result`),
  dataset: (name: string) => get<DatasetJson>(`/v1/${name}`),
  createJob: (request: CreateJobRequestJson) => post<JobJson>(`/v1/${request.parent}/jobs`, request),
  cancelJob: (name: string) => post<JobJson>(`/v1/${name}:cancel`, {}),
  sampleDataset: (project: string) =>
    post<DatasetJson>(`/v1/${project}/datasets:createSample`, { requestId: "sample" }),
  uploadDataset: (project: string, file: File) =>
    send<DatasetJson>(
      `/v1/${project}/datasets:upload?fileName=${encodeURIComponent(file.name)}&size=${file.size}`,
      {
        method: "POST",
        body: file,
        headers: { "content-type": "application/octet-stream" },
      },
    ),
};

export function authorization(): Record<string, string> {
  return { authorization: `Bearer ${readKey() ?? ""}` };
}

function get<T>(path: string): Promise<T> {
  return send<T>(path, {});
}

function post<T>(path: string, body: unknown): Promise<T> {
  return send<T>(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
}

async function send<T>(path: string, init: PlainRequest): Promise<T> {
  const response = await fetch(path, { ...init, headers: { ...init.headers, ...authorization() } });
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as T; // ProtoJSON of the type that the path's HTTP rule names
}

interface PlainRequest {
  readonly method?: string;
  readonly body?: BodyInit;
  readonly headers?: Readonly<Record<string, string>>;
}
