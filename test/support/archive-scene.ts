/** A device that has read its server's archive so far, and what the archive cannot read back from there on (docs/decisions/0015-spoilt-stanzas.md). */
import { memoryDisk } from "../../src/storage/memory.js";
import { juliet, World } from "./omemo-world.js";
import { plainLetter, Reception, ServerArchive } from "./reception.js";

export const secondMs = 1_000;
export const hourMs = 3_600_000;

export const gaps = (b: Reception): unknown[] => b.events.filter(({ kind }) => kind === "gap");

export class ArchiveScene {
  readonly world = new World();
  readonly archive = new ServerArchive(juliet, this.world.clock);
  readonly #disk = memoryDisk();

  /** Archives a message of Mallory's, as if at `stamp`. */
  write(text: string, stamp = this.world.clock.time): void {
    const { clock } = this.world;
    const now = clock.time;
    clock.time = stamp;
    this.archive.store(plainLetter("mallory@verona.example/cell", juliet, text, text));
    clock.time = now;
  }

  /** Archives what nobody can read back. */
  poison(stamp?: number): void {
    this.write("poison", stamp);
    this.archive.unreadable.add(this.archive.messages.at(-1)?.id ?? "");
  }

  /** The time then. */
  wait(ms: number): number { return this.world.clock.time += ms; }

  /** The device as it starts with what is on its disk. */
  open(): Promise<Reception> { return Reception.open(this.world, juliet, { disk: this.#disk }); }

  /** The device when it has caught up, and read one message that came `ms` later. */
  async reader(ms = hourMs): Promise<Reception> {
    const b = await this.open();
    await b.catchUp.run(b.connect(this.archive));
    this.wait(ms);
    this.write("first");
    await b.catchUp.run(b.connect(this.archive));
    b.events.length = 0;
    this.archive.queries.length = 0;
    return b;
  }
}
