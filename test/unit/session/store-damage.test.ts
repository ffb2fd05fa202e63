/** Rows of ours that are damaged: the one thing about receiving that is not the sender's doing. Threats D13, R06. @module */
import { expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import { encodeRatchet } from "../../../src/crypto/double-ratchet/snapshot.js";
import { decodeDevice } from "../../../src/session/records/device-record.js";
import { conversation, juliet, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

/** Damages the first byte at `offset` of the row whose key begins with `prefix`; returns how it is mended. */
function damage(device: TestDevice, prefix: string, offset: (row: Uint8Array) => number): () => void {
  const entry = [...device.disk.rows].find(([key]) => key.startsWith(prefix));
  if (entry === undefined) throw new RangeError("no such row");
  const [key, row] = entry;
  const damaged = row.slice();
  const at = offset(row);
  damaged[at] = (damaged[at] ?? 0) ^ 0xff;
  device.disk.rows.set(key, damaged);
  return () => { device.disk.rows.set(key, row); };
}

/** Where the snapshot of the current session's ratchet begins in the row of a device: with the number of its version. */
function ratchetAt(row: Uint8Array): number {
  const { current } = decodeDevice(row);
  if (current === undefined) throw new RangeError("no session");
  return toHex(row).indexOf(toHex(encodeRatchet(current.ratchet))) / 2;
}

test("D13 R06 a damaged ratchet is an error of our own store: the message is not given up, and opens once the row is whole again", async () => {
  const { a, b } = await conversation(new World());
  const message = await a.send(juliet, "later");
  const mend = damage(b, "omemo/2/device/romeo", ratchetAt);
  await expect(b.open(romeo, message)).rejects.toMatchObject({ code: "ERR_SNAPSHOT_INVALID" });
  mend();
  expect(textOfOutcome(await b.open(romeo, message))).toBe("later");
});

test("D13 R06 so is a damaged key of a skipped message, in whichever session it lies", async () => {
  const { a, b } = await conversation(new World());
  const skipped = await a.send(juliet, "later");
  await b.open(romeo, await a.send(juliet, "first"));
  const mend = damage(b, "omemo/2/skipped/", () => 0);
  await expect(b.open(romeo, skipped)).rejects.toMatchObject({ code: "ERR_SNAPSHOT_INVALID" });
  await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "another session")))).toBe("another session");
  await expect(b.open(romeo, skipped)).rejects.toMatchObject({ code: "ERR_SNAPSHOT_INVALID" });
  mend();
  expect(textOfOutcome(await b.open(romeo, skipped))).toBe("later");
});
