/** Devices that write before we have heard of them: no notification tells us of the devices of those who do not share their presence. Threats Q19, L02, H06. */
import { expect, test } from "vitest";
import { listDoubtsMax, listFreshMs } from "../../../src/base/limits.js";
import type { DeviceDirectory } from "../../../src/session/ports.js";
import { conversation, juliet, romeo, textOfOutcome, withData, World, type TestDevice } from "../../support/omemo-world.js";

/** Questions for juliet's list since the last call; her own devices ask for it, too. */
function looks(world: World): number {
  return world.server.log.splice(0).filter((line) => line === `list ${juliet}`).length;
}
const reaches = async (from: TestDevice, ...devices: readonly TestDevice[]): Promise<readonly boolean[]> => {
  const { keys } = await from.send(juliet, "answer");
  return devices.map((device) => keys.some((key) => key.jid === juliet && key.rid === device.id));
};

test("an answer reaches the device that wrote, though the list of a moment ago does not name it", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  expect(await reaches(a, b)).toEqual([true]);
  const late = await world.device(juliet);
  expect(await reaches(a, b, late)).toEqual([true, false]);
  a.events.length = 0;
  expect(textOfOutcome(await a.open(juliet, await late.send(romeo, "it is me")))).toBe("it is me");
  expect(a.events).toContainEqual({ kind: "devices-changed", jid: juliet }); // plans made before are forgotten
  const answer = await a.send(juliet, "welcome");
  for (const device of [b, late]) expect(textOfOutcome(await device.open(romeo, answer))).toBe("welcome");
  looks(world);
  await a.open(juliet, await late.send(romeo, "me again"));
  expect(await reaches(a, b, late)).toEqual([true, true]);
  expect(looks(world)).toBe(0); // it is listed now
});

test("the list that is fetched decides: who writes without being on it gets no answer", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const unlisted = await world.device(juliet, { announce: false });
  await a.open(juliet, await unlisted.send(romeo, "send it to me"));
  looks(world);
  expect(await reaches(a, b, unlisted)).toEqual([true, false]);
  expect(looks(world)).toBe(1);
});

test("L02 from however many device ids an account writes, it makes us look early five times in ten minutes", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  looks(world);
  const invented: TestDevice[] = [];
  const seen: number[] = [];
  for (let n = 0; n <= listDoubtsMax; n++) {
    const device = await world.device(juliet, { announce: false });
    invented.push(device);
    await a.open(juliet, await device.send(romeo, "who am I?"));
    await a.open(juliet, await device.send(romeo, "who was I?")); // a doubt that changes nothing does not count
    looks(world);
    expect(await reaches(a, b, device)).toEqual([true, false]);
    seen.push(looks(world));
  }
  expect(seen).toEqual([...Array.from({ length: listDoubtsMax }, () => 1), 0]);
  world.clock.time += listFreshMs;
  await reaches(a);
  expect(looks(world)).toBe(1); // as ever after that time
  await a.open(juliet, await (invented[0] as TestDevice).send(romeo, "and now?"));
  looks(world);
  await reaches(a);
  expect(looks(world)).toBe(1);
});

test("what is not authentic, or was not committed, makes us look at nothing and uses nothing up", async () => {
  const world = new World();
  const { a } = await conversation(world);
  const late = await world.device(juliet);
  const message = await late.send(romeo, "it is me");
  const forged = withData(message, a.address, (message.keys.find((key) => key.rid === a.id)?.data ?? new Uint8Array()).map((byte, i, all) => (i === all.length - 1 ? byte ^ 1 : byte)));
  expect((await a.open(juliet, forged)).kind).toBe("failed");
  looks(world);
  expect(await reaches(a, late)).toEqual([false]);
  expect(looks(world)).toBe(0);
  for (let n = 0; n < listDoubtsMax; n++) {
    await expect(a.ledger.run(async (tx) => {
      await a.omemo.open(tx, { sender: juliet, message, context: { kind: "chat" } });
      throw new RangeError("given up");
    })).rejects.toThrow("given up");
  }
  expect(await reaches(a, late)).toEqual([false]);
  expect(looks(world)).toBe(0);
  await a.open(juliet, message);
  expect(await reaches(a, late)).toEqual([true]);
});

test.each([["the new device wrote", false], ["a stream began anew, so that its news may have passed us by,", true]])("Q19 a list that was on its way when %s is not taken for fresh", async (_, anew) => {
  const world = new World();
  const real = world.server.directoryOf(romeo);
  let arrive: (() => void) | undefined;
  let slow = false;
  const directory: DeviceDirectory = {
    ...real,
    fetchDeviceList: async (jid, ...rest) => {
      const answer = await real.fetchDeviceList(jid, ...rest); // what the server knew when it was asked
      if (slow && jid === juliet) await new Promise<void>((resolve) => { arrive = resolve; });
      return answer;
    },
  };
  const a = await world.device(romeo, { directory });
  const b = await world.device(juliet);
  await a.send(juliet, "first");
  a.omemo.expireDeviceLists();
  slow = true;
  const sending = a.send(juliet, "second");
  await expect.poll(() => arrive !== undefined).toBe(true);
  const late = await world.device(juliet);
  if (anew) a.omemo.expireDeviceLists();
  else await a.open(juliet, await late.send(romeo, "it is me"));
  slow = false;
  arrive?.();
  expect((await sending).keys.some((key) => key.rid === late.id)).toBe(false);
  expect(await reaches(a, b, late)).toEqual([true, true]);
});
