/** The reserve is given up and put back one after the other (D06). */
import { expect, test } from "vitest";
import { storeKey, type Change } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { Reserve } from "../../../src/storage/indexeddb-reserve.js";

const full = (): StorageError => new StorageError("ERR_STORE_FULL", "planted", { retryable: true });
const vital: readonly Change[] = [{ kind: "put", key: storeKey("omemo/2/device/1"), value: new Uint8Array(8) }];

/** A disk with room for the reserve or for a row. Each transaction takes a turn. */
class Disk {
  reserve = true;
  rows = 0;

  readonly write = async (ballast: Uint8Array | undefined): Promise<void> => {
    await Promise.resolve();
    if (this.reserve || ballast !== undefined) throw full();
    this.rows += 1;
  };

  readonly release = async (): Promise<void> => {
    await Promise.resolve();
    this.reserve = false;
  };

  readonly restore = async (): Promise<void> => {
    await Promise.resolve();
    if (this.rows > 0) throw full();
    this.reserve = true;
  };
}

test("D06 key state that is committed while the reserve is being put back may use it up again", async () => {
  const disk = new Disk();
  disk.reserve = false;
  const reserve = new Reserve(16, () => undefined);
  reserve.found(false);
  const restored = reserve.restore(disk.restore);
  await Promise.all([reserve.commit(vital, disk), restored]);
  expect([await restored, disk.rows, disk.reserve]).toEqual([true, 1, false]);
});
