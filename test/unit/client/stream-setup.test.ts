/** What the first turn of a stream does with what was known before: threats Q19. */
import { expect, test } from "vitest";
import { systemRng } from "../../../src/base/rng.js";
import type { Connection } from "../../../src/client/link.js";
import { OnlineDirectory } from "../../../src/client/online-directory.js";
import { StreamSetup, type StreamSetupDeps } from "../../../src/client/stream-setup.js";
import { IqClient } from "../../../src/transport/stream/iq.js";
import { connectionDouble } from "../../support/iq-double.js";
import { juliet, romeo, World, type TestDevice } from "../../support/omemo-world.js";

/** Streams for `device`, as far as their first turn. */
function streamsFor(device: TestDevice, world: World): (continued: boolean) => void {
  const setup = new StreamSetup({
    clock: world.clock, account: romeo, omemo: device.omemo, directory: new OnlineDirectory(),
  } as unknown as StreamSetupDeps); // nobody says anything on these streams, so nothing else is asked for
  return (continued) => {
    const { stream } = connectionDouble(romeo);
    const iq = new IqClient(stream, { rng: systemRng(), clock: world.clock });
    setup.attach({ stream, iq, archive: { handleMessage: () => false }, signal: new AbortController().signal, epoch: 1, continued } as unknown as Connection);
  };
}

test("Q19 devices are looked at again on a stream that does not continue the last one, for nobody tells us what they became meanwhile", async () => {
  const world = new World();
  const a = await world.device(romeo);
  const attach = streamsFor(a, world);
  await world.device(juliet);
  await a.send(juliet, "before");
  const late = await world.device(juliet); // while no stream was there
  const reachesLate = async (): Promise<boolean> => (await a.send(juliet, "after")).keys.some((key) => key.rid === late.id);
  attach(true); // nothing was missed
  expect(await reachesLate()).toBe(false);
  attach(false);
  expect(await reachesLate()).toBe(true);
});
