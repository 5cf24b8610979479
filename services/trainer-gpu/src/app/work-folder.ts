import { constants } from "node:fs";
import { chmod, type FileHandle, mkdir, open, readdir } from "node:fs/promises";
import { isAbsolute, join, normalize, relative, sep } from "node:path";

/** Where the engine may write, below the work folder. */
const ENGINE_FOLDERS = ["output", "checkpoints"] as const;
/** The engine, another user of our group, reads and enters; ours alone to change. */
const READABLE = 0o750;
const WRITABLE = 0o770;
const MAX_ENTRIES = 1_000;
const MAX_FILES = 200;

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** The engine left something that is not touched: a link, a device, a file that we may not read, far too many or none. */
export class UnsafeFile extends Error {
  override readonly name = "UnsafeFile";
}

/** Open files: what they hold can be read whatever happens to their names. */
export interface OpenFiles extends AsyncDisposable {
  readonly files: readonly OpenFile[];
}

export interface OpenFile {
  readonly name: string;
  readonly handle: FileHandle;
}

/**
 * The folder that the agent and the engine share. What lies there for the engine is ours; what the engine brings is opened step by step without following
 * links, so that no name leads out of it, whatever is exchanged meanwhile.
 */
export class WorkFolder implements AsyncDisposable {
  /** As the engine knows it. */
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #maxBytes: number;

  private constructor(path: string, handle: FileHandle, maxBytes: number) {
    this.path = path;
    this.#handle = handle;
    this.#maxBytes = maxBytes;
  }

  /** `maxBytes`: what a folder's files may hold together. A file with holes seems larger than its disk is. */
  static async create(path: string, maxBytes = Number.POSITIVE_INFINITY): Promise<WorkFolder> {
    await mkdir(path, { recursive: true });
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      const folder = new WorkFolder(path, handle, maxBytes);
      await folder.#prepare();
      return folder;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** For our own writing: leads to the same folder even when its name is given to another one. */
  get root(): string {
    return pathOf(this.#handle, this.path);
  }

  /** The regular files of a folder below this one, sorted by name; folders in it are none of ours. Whoever asks closes them. */
  async openFiles(folder: string): Promise<OpenFiles> {
    await using cleanup = new AsyncDisposableStack();
    const directory = await this.#enter(folder);
    cleanup.defer(() => directory.handle.close());
    const opened = new AsyncDisposableStack();
    try {
      const files: OpenFile[] = [];
      let bytes = 0;
      for (const name of await namesIn(directory)) {
        const handle = await openRegular(directory, name);
        if (!handle) continue;
        opened.defer(() => handle.close());
        files.push({ name, handle });
        if (files.length > MAX_FILES) throw new UnsafeFile(`${folder} holds more than ${MAX_FILES} files`);
        bytes += (await handle.stat()).size;
        if (bytes > this.#maxBytes) throw new UnsafeFile(`${folder} holds more than ${this.#maxBytes} bytes`);
      }
      return { files, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    } catch (error) {
      await opened.disposeAsync();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #prepare(): Promise<void> {
    const { uid } = await this.#handle.stat();
    if (uid !== process.getuid?.()) throw new Error(`${this.path} was made by somebody else`);
    await this.#handle.chmod(READABLE);
    for (const name of ENGINE_FOLDERS) {
      const place = join(this.root, name);
      await mkdir(place, { recursive: true });
      await chmod(place, WRITABLE);
    }
  }

  async #enter(folder: string): Promise<Directory> {
    const inside = isAbsolute(folder) ? relative(this.path, folder) : normalize(folder);
    const steps = inside.split(sep).filter((step) => step !== "" && step !== ".");
    if (steps.length === 0 || steps[0] === "..") throw new UnsafeFile(`${folder} is outside the work folder`);
    let at: Directory = { path: this.path, handle: this.#handle };
    for (const step of steps) {
      const outer = at;
      try {
        at = await enter(outer, step);
      } catch (error) {
        throw unsafe(error, `${folder} cannot be read`);
      } finally {
        if (outer.handle !== this.#handle) await outer.handle.close();
      }
    }
    return at;
  }
}

interface Directory {
  readonly path: string;
  readonly handle: FileHandle;
}

async function enter({ path, handle }: Directory, name: string): Promise<Directory> {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  return { path: join(path, name), handle: await open(join(pathOf(handle, path), name), flags) };
}

/** Linux leads from the handle to the very folder that was opened. Elsewhere agent and engine are one user's, and the name has to do. */
function pathOf(handle: FileHandle, path: string): string {
  return process.platform === "linux" ? `/proc/self/fd/${handle.fd}` : path;
}

async function namesIn({ handle, path }: Directory): Promise<readonly string[]> {
  const names = await readdir(pathOf(handle, path)).catch((error: unknown) => {
    throw unsafe(error, `${path} cannot be listed`);
  });
  if (names.length > MAX_ENTRIES) throw new UnsafeFile(`${path} holds more than ${MAX_ENTRIES} entries`);
  return names.toSorted();
}

/** Undefined for a folder. Not waiting keeps a named pipe from holding us up. */
async function openRegular({ handle, path }: Directory, name: string): Promise<FileHandle | undefined> {
  const file = await open(join(pathOf(handle, path), name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(
    (error: unknown) => {
      throw unsafe(error, `${name} cannot be read`);
    },
  );
  const found = await file.stat();
  if (found.isFile()) return file;
  await file.close();
  if (found.isDirectory()) return undefined;
  throw new UnsafeFile(`${name} is no regular file`);
}

const REASONS: Readonly<Record<string, string>> = {
  ELOOP: "it is a link",
  ENOTDIR: "it is no folder",
  ENXIO: "it is no regular file",
  ENOENT: "it is not there",
  EACCES: "its mode keeps the group out",
};

/** Faults of the machine stay what they are. */
function unsafe(error: unknown, what: string): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = REASONS[code];
  return reason === undefined ? error : new UnsafeFile(`${what}: ${reason}`, { cause: error });
}
