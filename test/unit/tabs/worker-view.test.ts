/** A page that comes into view while its worker starts. */
import { afterEach, expect, test } from "vitest";
import { Emitter } from "../../../src/base/events.js";
import type { Client } from "../../../src/client/surface.js";
import { createWorkerClient } from "../../../src/tabs/worker-client.js";
import { join, names } from "../../support/hub-stage.js";
import { TabWorld } from "../../support/tab-world.js";
import { pageOptions, StagedWorker } from "../../support/worker-stage.js";

const clients: Client[] = [];
afterEach(async () => { for (const client of clients.splice(0)) await client.close(); });

/** Messages of ports come in turns of their own. */
const turns = async (): Promise<void> => { for (let n = 0; n < 20; n++) await new Promise((resolve) => { setTimeout(resolve, 0); }); };

test.each([{ when: "before the worker's script runs" }, { when: "afterwards" }])("a page that comes into view $when takes over from a frozen leader", async ({ when }) => {
  const [world, worker] = [new TabWorld(), new StagedWorker()];
  const leader = await join(world);
  leader.tab.freeze();
  const options = pageOptions(world, worker, { visible: false });
  let visible = false;
  const seen = new Emitter<undefined>();
  const show = (): void => {
    visible = true;
    seen.emit(undefined);
  };
  const visibility = { isVisible: () => visible, onChange: (listener: () => void) => seen.subscribe(listener) };
  const opening = createWorkerClient({ ...options, platform: { ...options.platform, visibility } });
  opening.then((client) => clients.push(client), () => undefined);
  await turns();
  if (when !== "afterwards") show();
  const tab = world.open();
  worker.serve(tab, undefined, true);
  await turns();
  if (when === "afterwards") show();
  for (let i = 0; i < 10 && clients.length === 0; i++) {
    await turns();
    await world.advance(3_000);
  }
  leader.tab.kill(); // or nobody could be closed
  expect([clients.length, world.holder(names.account)]).toEqual([1, tab]);
});
