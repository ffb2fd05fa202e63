/** A client that lives as long as a component: opened once, closed once, never two at a time. */
import { act, createElement, type ReactNode } from "react";
import { expect, test } from "vitest";
import type { Client } from "../../../src/index.js";
import { useStatus } from "../../../src/react/use-account.js";
import { useOwnedClient } from "../../../src/react/use-owned-client.js";
import { FakeClient, page, strict, withClient } from "./stage.js";

/** Opens clients when told, and counts. */
class Opener {
  readonly log: string[] = [];
  readonly clients: FakeClient[] = [];
  readonly #waiting: ((error?: Error) => void)[] = [];

  open(name: string): Promise<Client> {
    this.log.push(`open ${name}`);
    return new Promise((resolve, reject) => {
      this.#waiting.push((error) => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        const fake = new FakeClient();
        fake.close = async () => { this.log.push(`close ${name}`); };
        this.clients.push(fake);
        resolve(fake.client);
      });
    });
  }

  async opened(error?: Error): Promise<void> {
    await act(async () => { this.#waiting.shift()?.(error); });
  }
}

const Status = (): ReactNode => useStatus().kind;

const App = ({ name, opener }: { readonly name: string; readonly opener: Opener }): ReactNode => {
  const owned = useOwnedClient(name, () => opener.open(name));
  if (owned.kind === "open") return withClient(owned.client, createElement(Status));
  return owned.kind === "failed" ? `failed: ${(owned.error as Error).message}` : "opening";
};

test("StrictMode opens one client, and unmounting closes it", async () => {
  const opener = new Opener();
  const at = page();
  await at.render(strict(createElement(App, { name: "romeo", opener })));
  expect([at.text(), opener.log]).toEqual(["opening", ["open romeo"]]);
  await opener.opened();
  expect(at.text()).toBe("offline");
  await at.unmount();
  expect(opener.log).toEqual(["open romeo", "close romeo"]);
});

test("rendering again, with another function, opens nothing", async () => {
  const opener = new Opener();
  const at = page();
  for (let i = 0; i < 3; i++) await at.render(createElement(App, { name: "romeo", opener }));
  expect(opener.log).toEqual(["open romeo"]);
});

test("another key closes the first client before it opens the next, and never shows the first one again", async () => {
  const opener = new Opener();
  const at = page();
  const shown: string[] = [];
  const Watched = ({ name }: { readonly name: string }): ReactNode => {
    const owned = useOwnedClient(name, () => opener.open(name));
    const which = owned.kind === "open" ? opener.clients.findIndex(({ client }) => client === owned.client) : -1;
    shown.push(`${name} ${which.toString()}`);
    return owned.kind;
  };
  await at.render(createElement(Watched, { name: "romeo" }));
  await opener.opened();
  await at.render(createElement(Watched, { name: "juliet" }));
  expect(at.text()).toBe("opening");
  await opener.opened();
  expect([at.text(), opener.log]).toEqual(["open", ["open romeo", "close romeo", "open juliet"]]);
  expect(shown).not.toContain("juliet 0");
  expect(shown.at(-1)).toBe("juliet 1");
});

test("who is unmounted while the client opens closes it when it is there", async () => {
  const opener = new Opener();
  const at = page();
  await at.render(createElement(App, { name: "romeo", opener }));
  await at.unmount();
  expect(opener.log).toEqual(["open romeo"]);
  await opener.opened();
  expect(opener.log).toEqual(["open romeo", "close romeo"]);
});

test("a failure is state, and another key goes on", async () => {
  const opener = new Opener();
  const at = page();
  await at.render(createElement(App, { name: "romeo", opener }));
  await opener.opened(new DOMException("no store"));
  expect(at.text()).toBe("failed: no store");
  await at.render(createElement(App, { name: "juliet", opener }));
  await opener.opened();
  expect([at.text(), opener.log]).toEqual(["offline", ["open romeo", "open juliet"]]);
});

test("a key that came and went while the one before it was still there opens nothing", async () => {
  const opener = new Opener();
  const at = page();
  await at.render(createElement(App, { name: "romeo", opener }));
  for (const name of ["juliet", "nurse", "juliet"]) await at.render(createElement(App, { name, opener }));
  await opener.opened();
  await opener.opened();
  expect([at.text(), opener.log]).toEqual(["offline", ["open romeo", "close romeo", "open juliet"]]);
});
