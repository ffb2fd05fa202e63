/** State in components: nothing torn, nothing rendered in vain, nobody listens after the end. */
import { act, createElement, type ReactNode, startTransition, useLayoutEffect, useState } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { ObservableValue } from "../../../src/base/events.js";
import { UsageError } from "../../../src/base/errors.js";
import type { Availability } from "../../../src/client/presence/announcer.js";
import { useAvailability, useContact, usePresence, useRoster, useStatus } from "../../../src/react/use-account.js";
import { useObservable, useSelection } from "../../../src/react/use-observable.js";
import { contact, CountedValue, FakeClient, page, reactWaits, roster, strict, withClient } from "./stage.js";

const Status = (): ReactNode => useStatus().kind;

test("a component shows the state and follows it", async () => {
  const fake = new FakeClient();
  const at = page();
  await at.render(withClient(fake.client, createElement(Status)));
  expect(at.text()).toBe("offline");
  await act(async () => { fake.status.set({ kind: "connecting", attempt: 1 }); });
  expect(at.text()).toBe("connecting");
});

test("a change between rendering and mounting is not missed", async () => {
  const value = new ObservableValue("before");
  const Late = (): ReactNode => {
    useLayoutEffect(() => { value.set("after"); }, []); // before anybody has subscribed
    return useObservable(value);
  };
  const at = page();
  await at.render(createElement(Late));
  expect(at.text()).toBe("after");
});

test("all components of one commit show the same value, also when it changes in the middle of a transition", async () => {
  const value = new ObservableValue(0);
  const commits: string[] = [];
  let show: (rows: boolean) => void = () => undefined;
  /** Slow enough that React gives the browser its turn between rows. */
  const Row = (): ReactNode => {
    const shown = useObservable(value);
    const until = performance.now() + 8;
    while (performance.now() < until) { /* a row that takes its time */ }
    return createElement("i", null, shown);
  };
  const List = (): ReactNode => {
    const [rows, setRows] = useState(false);
    show = setRows;
    return rows ? Array.from({ length: 20 }, (_, key) => createElement(Row, { key })) : "none";
  };
  const at = page();
  await at.render(createElement(List));
  const observer = new MutationObserver(() => { commits.push([...new Set([...at.element.querySelectorAll("i")].map((row) => row.textContent))].join()); });
  observer.observe(at.element, { childList: true, subtree: true, characterData: true });
  reactWaits(false);
  try {
    const changes = setInterval(() => { value.set(value.getSnapshot() + 1); }, 5);
    startTransition(() => { show(true); });
    await expect.poll(() => at.element.querySelectorAll("i").length, { timeout: 20_000, interval: 20 }).toBe(20);
    clearInterval(changes);
  } finally {
    reactWaits(true);
    observer.disconnect();
  }
  expect(value.getSnapshot()).toBeGreaterThan(1); // it did change while the rows were rendered
  expect(commits.length).toBeGreaterThan(0);
  expect(commits.filter((values) => values.includes(","))).toEqual([]);
});

test("unmounting ends every subscription, in StrictMode too", async () => {
  const fake = new FakeClient();
  const All = (): ReactNode => [useStatus().kind, useRoster().contacts.size, useContact("a@b.example")?.name, usePresence("a@b.example")?.jid].join();
  for (const wrap of [strict, (node: ReactNode) => node]) {
    const at = page();
    await at.render(wrap(withClient(fake.client, createElement(All))));
    expect([fake.status.listeners, fake.roster.listeners, fake.presence.listeners]).toEqual([1, 2, 1]);
    await at.unmount();
    expect([fake.status.listeners, fake.roster.listeners, fake.presence.listeners]).toEqual([0, 0, 0]);
  }
});

test("rendering again does not subscribe again", async () => {
  const value = new CountedValue(1);
  let subscribed = 0;
  const counted = { getSnapshot: () => value.getSnapshot(), subscribe: (listener: () => void) => { subscribed++; return value.subscribe(listener); } };
  const Both = (): ReactNode => `${useObservable(counted).toString()} ${useSelection(counted, (n) => n * 2).toString()}`;
  const at = page();
  await at.render(createElement(Both));
  await at.render(createElement(Both));
  await act(async () => { value.set(2); });
  expect([at.text(), subscribed]).toEqual(["2 4", 2]);
});

test("a change of one contact renders nobody else's row, even if every object is a copy", async () => {
  const fake = new FakeClient();
  const people = ["ann@a.example", "bob@b.example", "eve@e.example"];
  fake.roster.set(roster(...people.map((jid) => contact(jid, jid))));
  const rendered: string[] = [];
  const Row = ({ jid }: { readonly jid: string }): ReactNode => {
    rendered.push(jid);
    return createElement("p", null, useContact(jid)?.name);
  };
  const at = page();
  await at.render(withClient(fake.client, ...people.map((jid) => createElement(Row, { key: jid, jid }))));
  rendered.length = 0;
  await act(async () => { fake.roster.set(structuredClone(roster(contact("ann@a.example", "ann@a.example"), contact("bob@b.example", "Robert"), contact("eve@e.example", "eve@e.example")))); });
  expect(rendered).toEqual(["bob@b.example"]);
  expect(at.text()).toBe("ann@a.exampleRoberteve@e.example");
  rendered.length = 0;
  await act(async () => { fake.roster.set(structuredClone(fake.roster.getSnapshot())); });
  expect(rendered).toEqual([]);
});

test("a selection that is made anew at each render keeps its object while it says the same", async () => {
  const value = new ObservableValue({ a: [1, 2], b: 0 });
  const seen = new Set<unknown>();
  const Selecting = (): ReactNode => {
    seen.add(useSelection(value, ({ a }) => ({ a })));
    return null;
  };
  const at = page();
  await at.render(createElement(Selecting));
  await at.render(createElement(Selecting));
  await act(async () => { value.set({ a: [1, 2], b: 1 }); });
  expect(seen.size).toBe(1);
  await act(async () => { value.set({ a: [1, 3], b: 1 }); });
  expect(seen.size).toBe(2);
});

test("an address is prepared as everywhere, and a malformed one is nobody's", async () => {
  const fake = new FakeClient();
  fake.roster.set(roster(contact("ann@a.example", "Ann")));
  const Name = ({ jid }: { readonly jid: string }): ReactNode => useContact(jid)?.name ?? "nobody";
  const at = page();
  await at.render(withClient(fake.client, ...["ANN@a.example", "", "bob@a.example"].map((jid) => createElement("p", { key: jid }, createElement(Name, { jid })))));
  expect(at.text()).toBe("Annnobodynobody");
});

test("another client is followed in place of the first one", async () => {
  const [one, two] = [new FakeClient(), new FakeClient()];
  two.status.set({ kind: "closed" });
  const at = page();
  await at.render(withClient(one.client, createElement(Status)));
  await at.render(withClient(two.client, createElement(Status)));
  expect([at.text(), one.status.listeners, two.status.listeners]).toEqual(["closed", 0, 1]);
});

test("a page from a server shows the empty state and turns into the real one without a complaint", async () => {
  const fake = new FakeClient();
  fake.status.set({ kind: "connecting", attempt: 1 });
  fake.roster.set(roster(contact("ann@a.example", "Ann")));
  Object.assign(fake.presence, { own: new CountedValue<Availability>({ kind: "available", show: "available" }) });
  const Whole = (): ReactNode => createElement("p", null, `${useStatus().kind} ${useAvailability().kind} ${useRoster().contacts.size.toString()} ${useContact("ann@a.example")?.name ?? "nobody"}`);
  const node = withClient(fake.client, createElement(Whole));
  const html = renderToString(node);
  expect(html).toBe("<p>offline unavailable 0 nobody</p>");
  const element = document.createElement("div");
  element.innerHTML = html;
  const complaints: unknown[] = [];
  const root = await act(async () => hydrateRoot(element, node, { onRecoverableError: (error) => { complaints.push(error); } }));
  expect([element.textContent, complaints]).toEqual(["connecting available 1 Ann", []]);
  await act(async () => { root.unmount(); });
});

test("a hook outside of a provider says what is missing", async () => {
  const at = page();
  const error: unknown = await at.render(createElement(Status)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UsageError);
  expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
});
