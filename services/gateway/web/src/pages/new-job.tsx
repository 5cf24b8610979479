import type { DatasetJson, ModelJson } from "@gradients/contracts/gateway";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../api/client.ts";
import { formatBytes, formatCompact, formatSeconds } from "../lib/format.ts";
import { DatasetPicker } from "../parts/dataset-picker.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";

const BUDGETS = [30, 90, 300, 1800, 7200];

export function NewJobPage() {
  const navigate = useNavigate();
  const caller = useQuery({ queryKey: ["caller"], queryFn: api.caller });
  const models = useQuery({ queryKey: ["models"], queryFn: api.models });
  const recipes = useQuery({ queryKey: ["recipes"], queryFn: api.recipes });
  const [dataset, setDataset] = useState<DatasetJson>();
  const [modelName, setModelName] = useState<string>();
  const [contestants, setContestants] = useState(3);
  const [budgetSeconds, setBudgetSeconds] = useState(90);
  // One id for this form: pressing twice, or again after a lost answer, makes one job.
  const [requestId, setRequestId] = useState(() => crypto.randomUUID());

  const project = caller.data?.project ?? "";
  const model = modelName ?? models.data?.models?.[0]?.name;
  const request = {
    parent: project,
    requestId,
    job: {
      displayName: dataset?.fileName ?? "",
      model: model ?? "",
      dataset: dataset?.name ?? "",
      contestants,
      budgetSeconds,
    },
  };
  const create = useMutation({
    mutationFn: () => api.createJob(request),
    onSuccess: (job) =>
      navigate({ to: "/jobs/$jobId", params: { jobId: job.name?.split("/").at(-1) ?? "" } }),
    onError: () => setRequestId(crypto.randomUUID()),
  });
  const error = caller.error ?? models.error ?? recipes.error ?? create.error;
  const most = Math.max(1, recipes.data?.recipes?.length ?? 3);
  return (
    <div className="space-y-5">
      <h1 className="text-xl font-semibold">New job</h1>
      {project !== "" && <DatasetPicker project={project} dataset={dataset} onDataset={setDataset} />}
      <section className="card space-y-3">
        <h2 className="font-semibold">2. Base model</h2>
        <div className="grid gap-3 sm:grid-cols-2">
          {(models.data?.models ?? []).map((entry) => (
            <ModelCard
              key={entry.name}
              model={entry}
              chosen={entry.name === model}
              onChoose={() => setModelName(entry.name)}
            />
          ))}
        </div>
      </section>
      <section className="card space-y-4">
        <h2 className="font-semibold">3. Race</h2>
        <label className="block text-sm">
          Contestants: <b>{Math.min(contestants, most)}</b>
          <input
            className="mt-1 block w-full max-w-sm"
            type="range"
            min={1}
            max={most}
            value={Math.min(contestants, most)}
            onChange={(event) => setContestants(Number(event.target.value))}
          />
        </label>
        <div
          className="flex flex-wrap gap-2"
          role="radiogroup"
          aria-label="Training time for each contestant"
        >
          {BUDGETS.map((seconds) => (
            <button
              key={seconds}
              type="button"
              role="radio"
              aria-checked={seconds === budgetSeconds}
              className={`button ${seconds === budgetSeconds ? "border-brand text-brand" : ""}`}
              onClick={() => setBudgetSeconds(seconds)}
            >
              {formatSeconds(seconds)}
            </button>
          ))}
        </div>
        <p className="text-sm text-muted">
          Every contestant trains that long on the same kind of machine; waiting does not count.
        </p>
        {error && <ProblemNote error={error} />}
        <button
          type="button"
          className="button button-primary"
          disabled={dataset?.state !== "STATE_READY" || model === undefined || create.isPending}
          title={
            dataset?.state === "STATE_READY" ? undefined : "Choose a data set that can be trained on first"
          }
          onClick={() => create.mutate()}
        >
          Start the race
        </button>
        <details className="text-sm">
          <summary className="cursor-pointer text-muted">The same by REST</summary>
          <pre className="mt-2 overflow-auto rounded-lg bg-slate-50 p-3 text-xs">
            {`curl -X POST ${location.origin}/v1/${project}/jobs \\\n  -H "Authorization: Bearer $GRADIENTS_KEY" -H "Content-Type: application/json" \\\n  -d '${JSON.stringify({ requestId: request.requestId, job: request.job })}'`}
          </pre>
        </details>
      </section>
    </div>
  );
}

function ModelCard({
  model,
  chosen,
  onChoose,
}: {
  readonly model: ModelJson;
  readonly chosen: boolean;
  readonly onChoose: () => void;
}) {
  return (
    <button
      type="button"
      aria-pressed={chosen}
      className={`rounded-lg border p-4 text-left ${chosen ? "border-brand ring-1 ring-brand" : "border-line"}`}
      onClick={onChoose}
    >
      <p className="font-medium">{model.displayName}</p>
      <p className="text-sm text-muted">
        {formatCompact(model.parameterCount)} parameters · context {formatCompact(model.contextLength)} tokens
        · {formatBytes(model.sizeBytes)}
      </p>
      {model.license && <p className="text-xs text-muted">Licence: {model.license}</p>}
    </button>
  );
}
