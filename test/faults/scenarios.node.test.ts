/**
 * The four scenarios on both servers, 200 runs in all; `npm run chaos` repeats them as often as one likes. What is claimed is compared with the
 * recipient's archive and with what python-omemo decrypted.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { servers } from "../support/servers.js";
import { Arena } from "./arena.js";
import { play, type Scenario } from "./scenarios.js";
import { complaints } from "./verdict.js";

const runsEach = 25;
const firstSeed = 1_000;
const patience = 600_000;

describe.each(servers)("on $make", (server) => {
  let arena: Arena;
  beforeAll(async () => { arena = await Arena.open(server, 4); }, patience);
  afterAll(async () => { await arena.close(); });

  async function flawless(scenario: Scenario): Promise<void> {
    const outcomes = await play(arena, scenario, Array.from({ length: runsEach }, (_, i) => firstSeed + i));
    const wrong = outcomes.flatMap(({ seed, verdict }) => complaints(verdict).map((complaint) => `seed ${seed}: ${complaint}`));
    expect(wrong).toEqual([]);
    expect(outcomes).toHaveLength(runsEach);
    // A scenario in which nothing happened would prove nothing.
    expect(outcomes.filter((outcome) => outcome.faults > 0).length).toBeGreaterThan(runsEach / 2);
  }

  test("Q17 Q01 killed in the middle of sending and started again, a client loses nothing, doubles nothing and claims nothing", () => flawless("crash"), patience);
  test("Q02 Q14 over connections that are cut and resumed every message arrives once and in order", () => flawless("cut"), patience);
  test("Q03 after a silence longer than the server keeps the session, only what is not in the archive is sent again", () => flawless("expire"), patience);
  test("Q04 messages of which only the acknowledgement was lost are neither reported as failed nor sent again", () => flawless("ack-lost"), patience);

  test("Q17 in all these runs no message key ever encrypted two plaintexts that left", () => {
    const { encryptions, left, reused } = arena.keys();
    expect(reused).toEqual([]);
    expect(left).toBeGreaterThan(4 * runsEach * 16);
    expect(encryptions).toBeGreaterThanOrEqual(left);
  });
});
