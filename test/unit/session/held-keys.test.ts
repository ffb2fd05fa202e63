/** Keys that only an empty key exchange has shown, after a decision about them: threats R26, T08. @module */
import { expect, test } from "vitest";
import type { DeviceReport } from "../../../src/session/outcome.js";
import { juliet, mercutio, romeo, World } from "../../support/omemo-world.js";

const results = (report: readonly DeviceReport[]): readonly (readonly [string, string])[] => report.map(({ device, result }) => [device.jid, result]);

test.each(["authenticated", "distrusted"] as const)("R26 T08 a key that the user has %s before any bundle showed it belongs to that account: under another one it waits, and is told", async (decision) => {
  const world = new World();
  const [a, b, c] = [await world.device(romeo), await world.device(juliet), await world.device(mercutio)];
  expect((await a.open(juliet, await b.sendEmpty(a.address))).kind).toBe("empty");
  await a.omemo.setTrust(juliet, b.omemo.self.identityKey, decision);
  const bundle = world.server.bundles.get(`${juliet} ${b.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  world.server.bundles.set(`${mercutio} ${c.id}`, bundle);
  expect(results((await a.trySend(mercutio, "for you only")).report)).toEqual([[mercutio, "undecided"]]);
  expect(a.events).toContainEqual({ kind: "key-shared", device: c.address, fingerprint: b.omemo.self.fingerprint, holder: juliet });
});
