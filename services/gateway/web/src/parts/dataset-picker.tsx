import type { DatasetJson } from "@gradients/contracts/gateway";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api } from "../api/client.ts";
import { DatasetReport } from "./dataset-report.tsx";
import { ProblemNote } from "./problem-note.tsx";

interface Props {
  readonly project: string;
  readonly dataset: DatasetJson | undefined;
  readonly onDataset: (dataset: DatasetJson) => void;
}

/** Sample or own data, with the check's report as it comes in. */
export function DatasetPicker({ project, dataset, onDataset }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [dragging, setDragging] = useState(false);
  const upload = useMutation({
    mutationFn: (file: File) => api.uploadDataset(project, file),
    onSuccess: onDataset,
  });
  const sample = useMutation({ mutationFn: () => api.sampleDataset(project), onSuccess: onDataset });
  useReportOf(dataset, onDataset);
  const busy = upload.isPending || sample.isPending;
  const choose = (files: FileList | null) => {
    const file = files?.[0];
    if (file) upload.mutate(file);
  };
  return (
    <section className="card space-y-4">
      <h2 className="font-semibold">1. Data</h2>
      <div
        className={`rounded-lg border-2 border-dashed p-6 text-center ${dragging ? "border-brand bg-indigo-50" : "border-line"}`}
        onDragOver={(event) => {
          event.preventDefault();
          setDragging(true);
        }}
        onDragLeave={() => setDragging(false)}
        onDrop={(event) => {
          event.preventDefault();
          setDragging(false);
          choose(event.dataTransfer.files);
        }}
      >
        <p className="text-sm text-muted">
          Drop a .jsonl, .csv or .parquet file here, with instruction and output columns or chat messages.
        </p>
        <div className="mt-3 flex justify-center gap-3">
          <button type="button" className="button" disabled={busy} onClick={() => input.current?.click()}>
            Choose a file
          </button>
          <button type="button" className="button" disabled={busy} onClick={() => sample.mutate()}>
            Use the sample data
          </button>
        </div>
        <input
          ref={input}
          type="file"
          hidden
          accept=".jsonl,.csv,.parquet"
          aria-label="Data set file"
          onChange={(event) => choose(event.target.files)}
        />
        {busy && <p className="mt-2 animate-pulse text-sm text-muted">Uploading …</p>}
      </div>
      {(upload.error ?? sample.error) && <ProblemNote error={upload.error ?? sample.error} />}
      {dataset && <DatasetReport dataset={dataset} />}
    </section>
  );
}

/** Reads the data set again until its check is over. */
function useReportOf(dataset: DatasetJson | undefined, onDataset: (dataset: DatasetJson) => void): void {
  const checking = dataset?.state === "STATE_CHECKING";
  const { data } = useQuery({
    queryKey: ["dataset", dataset?.name],
    queryFn: () => api.dataset(dataset?.name ?? ""),
    enabled: checking,
    refetchInterval: checking ? 700 : false,
  });
  useEffect(() => {
    if (data && data.state !== "STATE_CHECKING") onDataset(data);
  }, [data, onDataset]);
}
