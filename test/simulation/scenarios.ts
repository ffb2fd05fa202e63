/**
 * What happens in a world while something goes wrong. Each scenario is a script of what the applications do; it must be able to go on
 * when one of them has just died.
 * @module
 */
import type { BareJid } from "../../src/base/jid.js";
import { copyDisk, type Person } from "./person.js";
import { juliet, romeo, type World } from "./world.js";

export type Name = "romeo" | "juliet";

/** What a script works with. */
export interface Stage {
  readonly world: World;
  /** Unique: goes into every text. */
  readonly label: string;
  /** Starts the process of `person` anew; the victim's first one has the fault. */
  start(person: Name, autoConnect?: boolean): void;
  /** Ends the process of `person`, as a kill does. */
  kill(person: Name): void;
}

/** Which world a scenario begins with: people who have talked, or who know nothing of each other. */
export type Base = "acquainted" | "strangers";

export interface Scenario {
  readonly name: string;
  readonly threats: string;
  readonly base: Base;
  /** Every point begins with a world of its own; otherwise worlds go on. */
  readonly fresh: boolean;
  readonly victims: readonly Name[];
  readonly run: (stage: Stage) => Promise<void>;
  /** After the restart: what the application does in its new life. */
  readonly resume?: (stage: Stage) => Promise<void>;
  /** What has to hold beyond what holds always. */
  readonly verify?: (stage: Stage) => Promise<readonly string[]>;
  /** Some messages are not in one of the logs any more: only what the recipient has is compared. */
  readonly forgets?: boolean;
}

const isOnline = (person: Person): boolean => person.client?.status.getSnapshot().kind === "online";

/** Goes on when `names` are online, or dead. */
async function online({ world }: Stage, ...names: readonly Name[]): Promise<void> {
  await world.until(() => names.every((name) => world[name].dead || isOnline(world[name])), 10 * 60_000);
}

const open = async ({ world }: Stage, name: Name): Promise<void> => {
  await world.until(() => world[name].dead || world[name].client !== undefined, 60_000);
};

function say({ world, label }: Stage, from: Name, ...texts: readonly string[]): void {
  const to: BareJid = from === "romeo" ? juliet : romeo;
  for (const text of texts) world[from].send(to, `${label} ${from} ${text}`);
}

const sending: Scenario = {
  name: "one sends, offline and online", threats: "Q01 Q02 Q03 Q04 Q14 Q17", base: "acquainted", fresh: false, victims: ["romeo", "juliet"],
  async run(stage) {
    stage.start("romeo");
    stage.start("juliet");
    await open(stage, "romeo");
    say(stage, "romeo", "1");
    await online(stage, "romeo");
    say(stage, "romeo", "2", "3");
    await stage.world.rest();
  },
};

const crossing: Scenario = {
  name: "both send at the same time", threats: "Q01 Q02 Q03 Q04 Q14 Q17 F14", base: "acquainted", fresh: false, victims: ["romeo", "juliet"],
  async run(stage) {
    stage.start("romeo");
    stage.start("juliet");
    await online(stage, "romeo", "juliet");
    say(stage, "romeo", "1", "2");
    say(stage, "juliet", "1");
    await stage.world.until(() => false, 60);
    say(stage, "romeo", "3");
    await stage.world.rest();
  },
};

const meeting: Scenario = {
  name: "strangers meet", threats: "R23 D01 Q17", base: "strangers", fresh: true, victims: ["romeo", "juliet"],
  async run(stage) {
    stage.start("romeo");
    stage.start("juliet");
    await online(stage, "romeo", "juliet");
    say(stage, "romeo", "1", "2");
    await stage.world.rest();
    say(stage, "juliet", "3");
    await stage.world.rest();
  },
};

const refill: Scenario = {
  name: "prekeys are used while their owner is away, and refilled", threats: "R23 D01 Q17", base: "strangers", fresh: true, victims: ["juliet"],
  async run(stage) {
    stage.start("romeo");
    await online(stage, "romeo");
    say(stage, "romeo", "1", "2");
    await stage.world.rest();
    stage.start("juliet");
    await stage.world.rest();
  },
};

const catchUp: Scenario = {
  name: "one catches up", threats: "Q16 Q17 D01", base: "acquainted", fresh: false, victims: ["juliet", "romeo"],
  async run(stage) {
    const { world } = stage;
    stage.kill("juliet");
    stage.start("romeo");
    await online(stage, "romeo");
    say(stage, "romeo", "1", "2", "3", "4");
    await world.until(() => false, 5_000);
    world.server.expire();
    stage.start("juliet");
    say(stage, "romeo", "5");
    await world.rest();
  },
};

const inbox: Scenario = {
  name: "a service answers each message once", threats: "Q17 Q22", base: "acquainted", fresh: false, victims: ["juliet"],
  async run(stage) {
    stage.start("romeo");
    stage.start("juliet");
    await open(stage, "juliet");
    serve(stage);
    await online(stage, "romeo");
    say(stage, "romeo", "1", "2");
    await stage.world.rest();
  },
  async resume(stage) {
    serve(stage);
    await stage.world.rest();
  },
  verify: async (stage) => {
    const { world, label } = stage;
    const log = (await world.juliet.client?.history({ reverse: true, limit: 40 })) ?? [];
    return log.filter(({ text, direction }) => direction === "received" && text.startsWith(`${label} `)).flatMap(({ text }) => {
      const answers = log.filter((message) => message.text === `re: ${text}`).length;
      return answers === 1 ? [] : [`"${text}" has ${String(answers)} answers`];
    });
  },
};

/** The service: answers what was asked in this run, and takes note of the rest. */
function serve({ world, label }: Stage): void {
  const { juliet: person } = world;
  if (person.dead || person.client === undefined) return;
  const { client, life } = person;
  const run = async (): Promise<void> => {
    const messages = await client.inbox();
    await messages.process(({ message: { text } }) => Promise.resolve(text.startsWith(`${label} romeo`) ? [{ text: `re: ${text}` }] : []));
  };
  run().catch((error: unknown) => {
    if (life?.dead === false) person.errors.push(String((error as { code?: string }).code));
    life?.die(); // a service that cannot go on ends, and is started again
  });
}

const cancelling: Scenario = {
  name: "a message is taken back", threats: "Q01 Q17", base: "acquainted", fresh: false, victims: ["romeo"],
  async run(stage) {
    const { world } = stage;
    stage.start("juliet");
    stage.start("romeo", false);
    await open(stage, "romeo");
    say(stage, "romeo", "1", "2", "3");
    const { romeo: person } = world;
    const intent = person.intents.at(-2);
    await world.until(() => person.dead || (intent?.told.length ?? 0) > 1, 60_000);
    if (!person.dead && world.random() < 0.5) person.client?.connect(); // sealing and taking back run a race
    if (!person.dead) intent?.cancel();
    await world.until(() => false, 10);
    if (!person.dead) person.client?.connect();
    await world.rest();
  },
};

const displaying: Scenario = {
  name: "receipts and markers", threats: "Q17 F14 F15", base: "acquainted", fresh: false, victims: ["juliet", "romeo"],
  async run(stage) {
    const { world } = stage;
    stage.start("romeo");
    stage.start("juliet");
    await online(stage, "romeo", "juliet");
    say(stage, "romeo", "1", "2");
    await world.rest();
    world.displaying = true;
    const { juliet: person } = world;
    if (!person.dead && person.client !== undefined) {
      const { client } = person;
      // Nobody waits for it here: the process may die on the way.
      client.history({ reverse: true, limit: 1 }).then(async ([last]) => {
        if (last !== undefined) await client.conversation(romeo).markDisplayed(last);
      }).catch(() => undefined);
    }
    await world.rest();
  },
};

const resuming: Scenario = {
  name: "the line breaks and the session is resumed", threats: "Q02 Q03 Q04", base: "acquainted", fresh: false, victims: ["romeo", "juliet"],
  async run(stage) {
    const { world } = stage;
    stage.start("romeo");
    stage.start("juliet");
    await online(stage, "romeo", "juliet");
    say(stage, "romeo", "1");
    say(stage, "juliet", "1");
    await world.until(() => false, world.random() * 30);
    world.romeo.wire?.cut();
    say(stage, "romeo", "2");
    say(stage, "juliet", "2");
    await online(stage, "romeo", "juliet");
    say(stage, "romeo", "3");
    await world.rest();
  },
};

const rollback: Scenario = {
  name: "a store goes back in time", threats: "R21 C09 Q17", base: "acquainted", fresh: true, forgets: true, victims: ["romeo"],
  async run(stage) {
    const { world } = stage;
    const disk = copyDisk(world.romeo.disk);
    world.romeo.start();
    world.juliet.start();
    await online(stage, "romeo", "juliet");
    say(stage, "romeo", "1", "2");
    await world.rest();
    world.romeo.life?.die();
    world.romeo.disk = disk;
    stage.start("romeo");
    await open(stage, "romeo");
    say(stage, "romeo", "3");
    await world.rest();
    say(stage, "juliet", "4");
    await world.rest();
  },
  verify: ({ world: { romeo: person } }) => Promise.resolve(person.events.includes("rolled-back") ? [] : ["nobody has noticed that the store is an old copy"]),
};

export const scenarios: readonly Scenario[] = [sending, crossing, meeting, refill, catchUp, inbox, cancelling, displaying, resuming, rollback];

