/** Whose password the leader's logins take, when several tabs have set one and leaders change. */
import { describe, expect, test } from "vitest";
import { leaderAnswerMsMax } from "../../../src/base/limits.js";
import type { ClientOptions } from "../../../src/client/options.js";
import type { ClientHost } from "../../../src/tabs/host.js";
import type { HostOptions } from "../../../src/tabs/link.js";
import { calm, testWorld } from "../../support/facade-world.js";
import { join } from "../../support/hub-stage.js";
import { ManualClock } from "../../support/outbox-world.js";
import { TabWorld } from "../../support/tab-world.js";

type Source = Exclude<ClientOptions["password"], string>;

/** What the leader's client was given since. */
function passwords(host: ClientHost): () => ClientOptions["password"] | undefined {
  let last: ClientOptions["password"] | undefined;
  const setCredentials = host.client.setCredentials.bind(host.client);
  host.client.setCredentials = (credentials) => {
    last = credentials.password;
    setCredentials(credentials);
  };
  return () => last;
}

const { signal } = new AbortController();

test("what cannot be a password is refused in the tab that sets it, and the leader hears nothing of it", async () => {
  const { client, host } = await testWorld().open();
  const source = passwords(host);
  for (const credentials of [{ password: "" }, {}, undefined]) {
    expect(() => { client.setCredentials(credentials as { password: string }); }).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error);
  }
  await calm();
  expect(source()).toBeUndefined();
});

describe("N17 after a change of leaders the password that was set last holds", () => {
  test("and not the function that another tab had set before", async () => {
    const options: Partial<HostOptions> & { passwordOf?: string } = {};
    const there = testWorld(options);
    const { client, link } = await there.open();
    const { client: second, link: secondLink } = await there.tab();
    client.setCredentials({ password: () => "old" });
    await calm();
    second.setCredentials({ password: "new" });
    await calm();
    Object.assign(there.options, { passwordOf: secondLink.id }); // as the next leader's hub knows it
    const afterwards = passwords(await there.lead());
    await calm();
    expect(afterwards()).toBeUndefined();
    Object.assign(there.options, { passwordOf: link.id });
    const other = passwords(await there.lead());
    await calm();
    expect(await (other() as Source)({ signal })).toBe("old");
  });

  test("nor does such a function come back when frames of its tab were lost", async () => {
    const there = testWorld();
    const { client, host, link } = await there.open();
    const { client: second } = await there.tab();
    const source = passwords(host);
    client.setCredentials({ password: () => "old" });
    await calm();
    second.setCredentials({ password: "new" });
    await calm();
    link.epochs.emit(there.epoch); // the same leader, another session
    await calm();
    expect(source()).toBe("new");
    client.setCredentials({ password: () => "newest" });
    await calm();
    link.epochs.emit(there.epoch);
    await calm();
    expect(await (source() as Source)({ signal })).toBe("newest");
  });

  test("for tabs tell each other which of them has set it", async () => {
    const world = new TabWorld();
    const [first, second, third] = [await join(world), await join(world), await join(world)];
    const set = (credentials: object) => ({ kind: "call", id: 1, on: { part: "client" }, method: "setCredentials", args: [credentials] }) as const;
    third.hub.send(set({}));
    await world.settle();
    second.hub.send(set({ password: "new" }));
    await world.settle();
    third.hub.send(set({ again: true }));
    third.hub.send(set({ password: "" })); // refused
    await world.settle();
    first.tab.kill();
    await world.settle();
    expect(second.host.wishes).toEqual({ password: "new", passwordOf: second.hub.id });
  });
});

describe("N17 a login that needs the password of a tab", () => {
  test("does not wait for one that is frozen: what held before holds again", async () => {
    const clock = new ManualClock();
    const there = testWorld({ clock });
    const { host } = await there.open();
    const { client: second, link } = await there.tab();
    const source = passwords(host);
    second.setCredentials({ password: () => "of the frozen tab" });
    await calm();
    there.links.delete(link); // it lives, and hears nothing
    const asked = (source() as Source)({ signal });
    await calm();
    await clock.pass(leaderAnswerMsMax - 1);
    expect(await Promise.race([asked, calm()])).toBeUndefined();
    await clock.pass(1);
    expect(await Promise.race([asked, calm()])).toBe("secret");
  });

  test("gives the user all the time that he wants, if his tab runs", async () => {
    const clock = new ManualClock();
    const there = testWorld({ clock });
    const { client, host } = await there.open();
    const source = passwords(host);
    let answer: (password: string) => void = () => undefined;
    client.setCredentials({ password: () => new Promise((resolve) => { answer = resolve; }) });
    await calm();
    const asked = (source() as Source)({ signal });
    await calm();
    await clock.pass(2 * leaderAnswerMsMax);
    await calm();
    answer("at last");
    expect(await asked).toBe("at last");
  });
});
