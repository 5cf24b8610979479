/** Types of paths.mjs for TypeScript code. All values are absolute paths. */
export declare const repositoryRoot: string;
/** As npm names it, e.g. "linux-x64". */
export declare const platform: string;
/** The unprivileged user that PostgreSQL's programs must run under; undefined when the caller is not root. */
export declare const postgresIdentity: { readonly uid: number; readonly gid: number } | undefined;

export interface SetupPaths {
  readonly cache: string;
  readonly logs: string;
  readonly lock: string;
  readonly bin: string;
  readonly natsServer: string;
  readonly weed: string;
  readonly uvTool: string;
  readonly uv: string;
  /** The Python environment of the training engine. */
  readonly python: string;
  readonly pythonBin: string;
  /** The same with TRL, made by `setup.mjs --with trl` only. */
  readonly pythonWithTrl: string;
  /** Node 24 from PyPI, only where npm carries none for the platform. */
  readonly node: string;
  readonly compileCache: string;
  readonly postgres: string;
  readonly postgresBin: string;
  /** Hugging Face model folder: safetensors, config, tokenizer. */
  readonly model: string;
  readonly dataset: string;
  readonly datasetLicence: string;
  /** Parent for data that lives no longer than one run; PostgreSQL's user can reach it. */
  readonly scratch: string;
  /** Data of `npm run dev` and `npm run demo -- --keep`. */
  readonly dev: { readonly postgres: string; readonly nats: string; readonly s3: string };
  readonly repositoryRoot: string;
  readonly dependencies: string;
  readonly engine: string;
  readonly postgresPackage: string;
  readonly webDist: string;
}
export declare const paths: SetupPaths;
