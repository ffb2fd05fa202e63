/**
 * Directories of the Node store for tests: made, filled, copied as a crash leaves them, looked into, damaged.
 * @module
 */
import { Buffer } from "node:buffer";
import { cp, mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8, utf8Decode } from "../../../src/base/bytes.js";
import { storeKey, type Change, type Store } from "../../../src/session/ports.js";
import { fileStore } from "../../../src/storage/node-store.js";

/** A directory for one test file. */
export interface Workshop {
  /** A path where nothing is yet. */
  fresh(): string;
  remove(): Promise<void>;
}

export async function workshop(): Promise<Workshop> {
  const root = await mkdtemp(join(tmpdir(), "sotto-store-"));
  let serial = 0;
  return {
    fresh: () => join(root, `store-${(serial += 1)}`),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

export const put = (key: string, value: string | Uint8Array): Change => ({ kind: "put", key: storeKey(key), value: typeof value === "string" ? utf8(value) : value });

export async function text(store: Store, key: string): Promise<string | undefined> {
  const value = await store.get(storeKey(key));
  return value === undefined ? undefined : utf8Decode(value);
}

/** Writes the commits, and leaves `image` as the disk looks when the process is killed after the last one. */
export async function crashImage(path: string, image: string, commits: readonly (readonly Change[])[]): Promise<string> {
  const store = fileStore(path);
  const fence = await store.acquire();
  for (const changes of commits) await store.commit(changes, fence);
  const history = await historyOf(store);
  await cp(path, image, { recursive: true });
  await store.close();
  return history;
}

/** Writes the commits and closes. */
export async function write(path: string, commits: readonly (readonly Change[])[]): Promise<string> {
  const store = fileStore(path);
  const fence = await store.acquire();
  for (const changes of commits) await store.commit(changes, fence);
  const history = await historyOf(store);
  await store.close();
  return history;
}

export async function historyOf(store: Store): Promise<string> {
  return (await store.history?.()) ?? "none";
}

/** Opens, asks for the history, closes. */
export async function historyAt(path: string): Promise<string> {
  const store = fileStore(path);
  try {
    return await historyOf(store);
  } finally {
    await store.close();
  }
}

/** The files whose names match. */
export async function filesAt(path: string, pattern: RegExp): Promise<readonly string[]> {
  return (await readdir(path)).filter((name) => pattern.test(name)).sort().map((name) => join(path, name));
}

/** Flips one bit. */
export async function flip(file: string, offset: number, bit: number): Promise<void> {
  const handle = await open(file, "r+");
  const byte = new Uint8Array(1);
  await handle.read(byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  await handle.write(byte, 0, 1, offset);
  await handle.close();
}

/** The files that contain these bytes. A file that LevelDB removes meanwhile is none. */
export async function filesWith(path: string, bytes: Uint8Array): Promise<readonly string[]> {
  const found: string[] = [];
  for (const file of await filesAt(path, /./)) {
    const content = await readFile(file).catch((error: unknown) => {
      if ((error as { readonly code?: unknown }).code === "ENOENT") return Buffer.alloc(0);
      throw error;
    });
    if (content.includes(Buffer.from(bytes))) found.push(file);
  }
  return found;
}

/** In place of classic-level's: a batch that takes writes, and does not bring them to the disk. */
export const refusedBatch = (error: Error): unknown => ({ put: () => undefined, del: () => undefined, write: () => Promise.reject(error) });
