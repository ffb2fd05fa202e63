/** The durable store of Node: a directory. @module */
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileStore } from "../../../src/storage-node.js";
import type { Disk } from "./disk.js";

/** A disk of its own for one test. */
export async function durableDisk(): Promise<Disk> {
  const dir = await mkdtemp(path.join(os.tmpdir(), "sotto-behaviour-"));
  return { open: () => fileStore(path.join(dir, "store")), remove: () => rm(dir, { recursive: true, force: true }) };
}
