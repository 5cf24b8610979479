import type { DatasetJson, Finding_SeverityJson, FindingJson } from "@gradients/contracts/gateway";
import { formatBytes, formatCompact, formatCount } from "../lib/format.ts";

const tones: Record<Finding_SeverityJson, string> = {
  SEVERITY_UNSPECIFIED: "text-muted",
  SEVERITY_INFO: "text-muted",
  SEVERITY_WARNING: "text-warn",
  SEVERITY_ERROR: "text-bad",
};

/** What the check of a data set found, in plain words. */
export function DatasetReport({ dataset }: { readonly dataset: DatasetJson }) {
  const report = dataset.report;
  if (dataset.state === "STATE_CHECKING" || report === undefined) {
    return <p className="animate-pulse text-sm text-muted">Checking {dataset.fileName} …</p>;
  }
  return (
    <div className="space-y-4">
      <p className={`text-sm font-medium ${dataset.state === "STATE_READY" ? "text-good" : "text-bad"}`}>
        {dataset.state === "STATE_READY"
          ? `${dataset.fileName} can be trained on (${formatBytes(dataset.object?.size)}).`
          : `${dataset.fileName} cannot be trained on. The findings say why.`}
      </p>
      <dl className="grid grid-cols-2 gap-3 text-sm sm:grid-cols-5">
        <Figure
          name="usable rows"
          value={`${formatCount(report.usableRows)} of ${formatCount(report.rows)}`}
        />
        <Figure name="duplicates" value={formatCount(report.duplicateRows)} />
        <Figure name="empty" value={formatCount(report.emptyRows)} />
        <Figure
          name="too long"
          value={formatCount(Number(report.overlongRows ?? 0) + Number(report.longRows ?? 0))}
        />
        <Figure name="tokens" value={formatCompact(report.totalTokens)} />
      </dl>
      <Histogram report={report} />
      {(report.findings ?? []).map((finding) => (
        <FindingLine key={`${finding.rule}${finding.column}${finding.message}`} finding={finding} />
      ))}
      {report.previews?.[0] && (
        <details>
          <summary className="cursor-pointer text-sm text-muted">As the model will see it</summary>
          <pre className="mt-2 max-h-48 overflow-auto rounded-lg bg-slate-50 p-3 text-xs whitespace-pre-wrap">
            {report.previews.join("\n\n")}
          </pre>
        </details>
      )}
      {dataset.attribution && (
        <details className="text-xs text-muted">
          <summary className="cursor-pointer">{dataset.attribution.split(/(?<=\.)\s/, 1)[0]}</summary>
          <p className="mt-1 whitespace-pre-wrap">{dataset.attribution}</p>
        </details>
      )}
    </div>
  );
}

function FindingLine({ finding }: { readonly finding: FindingJson }) {
  const rows = finding.rows ?? [];
  const more = Number(finding.count ?? rows.length) - rows.length;
  return (
    <div className="text-sm">
      <p className={tones[finding.severity ?? "SEVERITY_UNSPECIFIED"]}>{finding.message}</p>
      <p className="text-xs text-muted">
        {rows.length > 0 && `Rows ${rows.join(", ")}${more > 0 ? ` and ${formatCount(more)} more` : ""}. `}
        {finding.fix}
      </p>
    </div>
  );
}

function Histogram({ report }: { readonly report: NonNullable<DatasetJson["report"]> }) {
  const buckets = report.tokenHistogram ?? [];
  const highest = Math.max(1, ...buckets.map((bucket) => Number(bucket.rows ?? 0)));
  if (buckets.length === 0) return null;
  return (
    <figure>
      <div className="flex h-20 items-end gap-1">
        {buckets.map((bucket) => (
          <div
            key={bucket.upTo}
            className="flex-1 rounded-t bg-indigo-200"
            style={{ height: `${(Number(bucket.rows ?? 0) / highest) * 100}%` }}
            title={`${formatCount(bucket.rows)} rows up to ${bucket.upTo} tokens`}
          />
        ))}
      </div>
      <figcaption className="flex gap-1 text-center text-[10px] text-muted">
        {buckets.map((bucket) => (
          <span key={bucket.upTo} className="flex-1">
            {bucket.upTo}
          </span>
        ))}
      </figcaption>
      <p className="text-xs text-muted">Rows by length in tokens</p>
    </figure>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt className="label">{name}</dt>
      <dd className="font-medium tabular-nums">{value}</dd>
    </div>
  );
}
