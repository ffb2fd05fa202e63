/** Device lists of others and of ourselves: threats H06, L02, T02, T14, T03. @module */
import { expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { deviceListEntriesMax, strangersListsMax } from "../../../src/base/limits.js";
import type { DeviceId } from "../../../src/session/ports.js";
import { juliet, mercutio, romeo, World, type TestDevice } from "../../support/omemo-world.js";

const device = (id: number): { readonly id: DeviceId } => ({ id: id as DeviceId });
const lists = (of: TestDevice): readonly string[] => [...of.disk.rows.keys()].filter((key) => key.startsWith("omemo/2/list/"));
const listOf = (of: TestDevice, name: string): boolean => lists(of).some((key) => key.includes(name));

test("H06 L02 device lists of strangers: 64 are kept, the oldest leave; whom we have written to or know as a contact stays", async () => {
  const world = new World();
  const a = await world.device(romeo, { isContact: (jid) => jid === mercutio });
  await a.omemo.onDeviceList(juliet, [device(1)]); // a stranger yet
  await world.device(juliet);
  a.omemo.expireDeviceLists();
  await a.send(juliet, "no stranger any more");
  await a.omemo.onDeviceList(mercutio, [device(1)]);
  for (let n = 0; n < strangersListsMax + 6; n++) await a.omemo.onDeviceList(bareJid(`stranger${n}@example.org`), [device(1)]);
  expect(["romeo", "juliet", "mercutio", "stranger5%40", "stranger7%40"].map((name) => listOf(a, name))).toEqual([true, true, true, false, true]);
  expect(lists(a)).toHaveLength(3 + strangersListsMax);
  // Whoever speaks again is not the oldest.
  await a.omemo.onDeviceList(bareJid("stranger6@example.org"), [device(2)]);
  await a.omemo.onDeviceList(bareJid("onemore@example.org"), [device(1)]);
  expect(["stranger6%40", "stranger7%40", "onemore"].map((name) => listOf(a, name))).toEqual([true, false, true]);
});

test("two device lists that differ only in where a label ends are not the same list", async () => {
  const world = new World();
  const a = await world.device(romeo);
  await a.omemo.onDeviceList(juliet, [{ ...device(1), label: "x" }, { ...device(2), label: "y" }]);
  await a.omemo.onDeviceList(juliet, [{ ...device(1), label: "x\n2 y" }]);
  await a.omemo.onDeviceList(juliet, [{ ...device(1), label: "x\n2 y" }]);
  await a.omemo.onDeviceList(juliet, [device(1)]);
  expect(a.events.filter((event) => event.kind === "devices-changed" && event.jid === juliet)).toHaveLength(3);
});

test("T02 T14 a full own list is not made longer and nobody is taken off it: a typed error, an event, and room is used when there is some", async () => {
  const world = new World();
  const full = Array.from({ length: deviceListEntriesMax }, (_, i) => device(i + 1));
  world.server.lists.set(romeo, full);
  const a = await world.device(romeo, { announce: false });
  await expect(a.omemo.announce()).rejects.toMatchObject({ code: "ERR_DEVICE_LIST_FULL" });
  expect(world.server.lists.get(romeo)).toEqual(full);
  expect(a.events.map((event) => event.kind)).toContain("device-list-full");
  world.server.lists.set(romeo, full.slice(1));
  await a.omemo.announce();
  expect(world.server.lists.get(romeo)).toEqual([...full.slice(1), device(a.id)]);
  await a.omemo.onDeviceList(romeo, full); // somebody took us off again
  expect(world.server.lists.get(romeo)).toHaveLength(deviceListEntriesMax);
});
