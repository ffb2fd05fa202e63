/** What most tests of the way in begin with: Romeo writes with one device, Juliet receives, live, and has caught up. */
import type { Connection } from "../../src/client/link.js";
import { juliet, romeo, World, type TestDevice } from "./omemo-world.js";
import { Reception, type ReceptionOptions, ServerArchive } from "./reception.js";

export interface Scene {
  readonly world: World;
  readonly a: TestDevice;
  readonly b: Reception;
  readonly archive: ServerArchive;
  readonly live: Connection;
}

export async function scene(options: ReceptionOptions = {}): Promise<Scene> {
  const world = new World();
  const a = await world.device(romeo);
  const b = await Reception.open(world, juliet, options);
  await b.omemo.announce();
  const archive = new ServerArchive(juliet, world.clock);
  const live = b.connect(archive);
  await b.catchUp.run(live);
  return { world, a, b, archive, live };
}
