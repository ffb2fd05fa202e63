/** The web example when something is wrong: refused texts, a browser that deletes or is full, names that imitate, versions of the page. */
import type { CDPSession, Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bareJid } from "../../src/base/jid.js";
import { xml } from "../../src/base/xml.js";
import { online, signIn, type User, type WebStage, webStage } from "../support/web-stage.js";
import { WirePeer } from "../support/wire-peer.js";

let stage: WebStage;
let romeo: User;

beforeAll(async () => {
  stage = await webStage(["romeo", "juliet", "nurse", "mercutio", "paris", "benvolio"], [["romeo", "juliet", "Friends"], ["romeo", "nurse", "Team"], ["benvolio", "juliet", "Friends"]]);
  romeo = await stage.signedIn("romeo");
  await online(romeo.page);
}, 120_000);
afterAll(async () => { await stage.end(); });

const chat = async (page: Page, name: string): Promise<void> => {
  await page.goto(`${stage.web.url}#/chat/${encodeURIComponent(stage.jid(name))}`);
  await page.getByRole("heading", { level: 2, name: new RegExp(name, "i") }).waitFor();
};
const field = (page: Page): ReturnType<Page["getByRole"]> => page.getByRole("textbox", { name: /^Message to/ });
const messages = (page: Page): ReturnType<Page["locator"]> => page.locator(".messages .message");
const devtools = (page: Page): Promise<CDPSession> => page.context().newCDPSession(page);
const drafts = (page: Page): Promise<string[]> => page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith("chat.draft:")));

/** In the page: somebody else uses up the site's quota. */
async function fillUp(): Promise<void> {
  const done = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
    request.onsuccess = () => { resolve(request.result); };
    request.onerror = () => { reject(new TypeError(request.error?.name)); };
  });
  const opening = indexedDB.open("ballast");
  opening.onupgradeneeded = () => { opening.result.createObjectStore("ballast", { autoIncrement: true }); };
  const database = await done(opening);
  for (let bytes = 1 << 20; bytes > 2_000;) {
    const row = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(row.subarray(at, Math.min(bytes, at + 65_536)));
    const transaction = database.transaction("ballast", "readwrite");
    const stored = new Promise<boolean>((resolve) => {
      transaction.oncomplete = () => { resolve(true); };
      transaction.onabort = () => { resolve(false); };
    });
    transaction.objectStore("ballast").put(row);
    if (!await stored) bytes >>= 1;
  }
  database.close();
}

test("what is typed is there again after another conversation and after a reload, and belongs to its conversation", async () => {
  const { page } = romeo;
  await chat(page, "juliet");
  await field(page).fill("But, soft!\nwhat light");
  await chat(page, "nurse");
  expect(await field(page).inputValue()).toBe("");
  await field(page).fill("Peter, my fan");
  await chat(page, "juliet");
  expect(await field(page).inputValue()).toBe("But, soft!\nwhat light");
  expect(await field(page).getAttribute("rows")).toBe("2");
  await page.reload();
  await expect.poll(() => field(page).inputValue()).toBe("But, soft!\nwhat light");
  await chat(page, "nurse");
  expect(await field(page).inputValue()).toBe("Peter, my fan");
  await field(page).press("Enter");
  await messages(page).filter({ hasText: "Peter, my fan" }).waitFor();
  await expect.poll(() => drafts(page)).toEqual([`chat.draft:${stage.jid("juliet")}`]);
});

test("a text that is refused is back in the field, and said why", async () => {
  const { page } = romeo;
  const long = "a rose ".repeat(43_000); // 300 000 characters
  await chat(page, "juliet");
  await field(page).fill(long);
  await field(page).press("Enter");
  await page.getByRole("alert").filter({ hasText: "The message is too long. What you wrote to Juliet is back in the field." }).waitFor();
  expect(await field(page).inputValue()).toBe(long);
  expect(await messages(page).count()).toBe(0);
  await page.reload();
  await expect.poll(() => field(page).inputValue()).toBe(long);
  await field(page).fill("a rose");
  await field(page).press("Enter");
  await messages(page).filter({ hasText: "a rose" }).waitFor();
  await expect.poll(() => drafts(page)).toEqual([]);
});

test("D06 a full browser refuses new messages and says what to do; the text is not lost", async () => {
  const { page, account, context } = await stage.user("paris");
  const session = await devtools(page);
  await page.evaluate(async () => { await navigator.serviceWorker.ready; });
  await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(stage.web.url).origin, quotaSize: 8 * 1024 * 1024 });
  await signIn(page, account);
  await online(page);
  await page.evaluate(fillUp);
  await chat(page, "juliet");
  const refused = page.getByRole("alert").filter({ hasText: "This browser has no more room for messages." });
  const text = (n: number): string => `${n.toString()} ${"Sweet flower ".repeat(8_000)}`;
  let last = "";
  for (let n = 0; n < 40 && !await refused.isVisible(); n++) { // what Chromium still lets in is its secret
    last = text(n).trim();
    await field(page).fill(last);
    await field(page).press("Enter");
    await expect.poll(async () => await refused.isVisible() || await page.locator(".message").count() > n).toBe(true);
  }
  await refused.waitFor();
  expect(await field(page).inputValue()).toBe(last);
  const notice = page.getByRole("alert").filter({ hasText: "This browser has no more room. You still receive messages" });
  await notice.waitFor();
  await notice.getByRole("button", { name: "Close this notice" }).click();
  await expect.poll(() => notice.count()).toBe(0);
  await context.close();
});

test("D07 a loss of what was stored is told once, as what it is; that there is no promise to keep it is a quiet hint", async () => {
  const { page, account, context } = await stage.signedIn("benvolio");
  await online(page);
  const hint = page.getByRole("status").filter({ hasText: "If this device runs out of room" });
  await hint.getByRole("button", { name: "Close this notice" }).click();
  expect(await hint.count()).toBe(0);
  const lost = page.getByRole("alert").filter({ hasText: "This browser has deleted the messages and keys that were stored here." });
  expect(await lost.count()).toBe(0);
  const session = await devtools(page);
  await page.goto("about:blank"); // the page lets go of its database
  await session.send("Storage.clearDataForOrigin", { origin: new URL(stage.web.url).origin, storageTypes: "indexeddb" });
  await page.goto(stage.web.url);
  await lost.waitFor();
  await online(page); // as the same account, without signing in: the new device is published
  expect(await page.locator(".account").innerText()).toBe(account);
  await page.setViewportSize({ width: 360, height: 700 });
  await chat(page, "juliet");
  expect(await lost.isVisible()).toBe(true); // also where the lists are not shown
  await lost.getByRole("button", { name: "Close this notice" }).click();
  expect(await lost.count()).toBe(0);
  expect(await page.locator(":focus").innerText()).toBe("Juliet"); // not lost with the notice
  await page.reload();
  await online(page);
  expect(await lost.count() + await hint.count()).toBe(0);
  await context.close();
});

test("F20 a request under a name that imitates another says so", async () => {
  const peer = await WirePeer.connect(stage.server, bareJid(stage.jid("mercutio")));
  await peer.iq.request({ type: "get", payload: xml("jabber:iq:roster", "query") }); // whoever has not asked for it hears of no answer
  await peer.send(xml("jabber:client", "presence", { type: "subscribe", to: romeo.account },
    xml("http://jabber.org/protocol/nick", "nick", {}, "Juli\u0435t"))); // with a Cyrillic letter
  const request = romeo.page.locator(".request").filter({ hasText: stage.jid("mercutio") });
  await request.getByText("The name could be taken for another one.").waitFor();
  await romeo.page.getByRole("button", { name: /^Decline mercutio/ }).click();
  await request.waitFor({ state: "detached" });
  await expect.poll(() => peer.received.some(({ attrs }) => attrs["type"] === "unsubscribed")).toBe(true); // until then a second request changes nothing
  await peer.send(xml("jabber:client", "presence", { type: "subscribe", to: romeo.account }, xml("http://jabber.org/protocol/nick", "nick", {}, "Mercutio")));
  await request.waitFor();
  expect(await request.getByText("The name could be taken for another one.").isVisible()).toBe(false);
  await peer.close();
});

test("older messages are loaded page by page, in their order, and the reader stays where he is", async () => {
  const count = 130;
  const { page } = romeo;
  await chat(page, "nurse");
  const nurse = await stage.client("nurse");
  for (let n = 1; n <= count; n++) await nurse.conversation(romeo.account).send({ text: `line ${n.toString()} of many` }).reached("sent");
  await messages(page).filter({ hasText: `line ${count.toString()} of many` }).waitFor();
  await page.reload();
  await messages(page).filter({ hasText: `line ${count.toString()} of many` }).waitFor();
  await online(page); // where the archive says that there is nothing before
  const older = page.locator(".message-box > .older"); // not by its name: it has another one while a page is being read
  let shown = await messages(page).count();
  expect(shown).toBeLessThan(count / 2);
  let pages = 1;
  for (; await older.isVisible(); pages++) {
    const first = messages(page).first();
    const text = await first.locator(".words").innerText();
    await page.locator(".message-box").evaluate((box) => { box.scrollTop = 0; });
    await older.click();
    await expect.poll(async () => await messages(page).count() > shown || await older.isHidden(), { timeout: 20_000 }).toBe(true); // the last page may be empty
    shown = await messages(page).count();
    await expect.poll(() => messages(page).filter({ has: page.getByText(text, { exact: true }) }).evaluate((element) => {
      const box = element.closest(".message-box")?.getBoundingClientRect();
      const { top, bottom } = element.getBoundingClientRect();
      return box !== undefined && bottom > box.top && top < box.bottom; // what was first is still seen
    })).toBe(true);
  }
  expect(pages).toBeGreaterThan(2);
  const all = await page.locator(".messages .message.received .words").allInnerTexts();
  expect(all).toEqual(Array.from({ length: count }, (_, n) => `line ${(n + 1).toString()} of many`));
});

test("D10 the page is kept for loading it offline: its files and nothing else, and former versions go", async () => {
  const { page } = romeo;
  const kept = await page.evaluate(async () => {
    for (const name of ["chat-shell-0", "chat-shell-1", "of-something-else"]) await caches.open(name);
    const registration = await navigator.serviceWorker.ready;
    await registration.unregister();
    for (const name of await caches.keys()) if (/^chat-shell-.{16}$/.test(name)) await caches.delete(name);
    return await caches.keys();
  });
  expect(kept).toEqual(["chat-shell-0", "chat-shell-1", "of-something-else"]);
  await page.reload();
  await expect.poll(() => page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state)).toBe("activated");
  const [names, files] = await page.evaluate(async () => {
    const now = await caches.keys();
    const cache = await caches.open(now.find((name) => name.length > 20) ?? "");
    return [now, (await cache.keys()).map(({ url }) => new URL(url).pathname)];
  });
  expect(names).toEqual(["chat-shell-1", "of-something-else", expect.stringMatching(/^chat-shell-[0-9a-f]{16}$/)]);
  expect(files).toContain("/");
  expect(files.filter((name) => !/^\/(|icon\.svg|assets\/[\w.-]+-[\w-]{8}\.(js|css))$/.test(name))).toEqual([]);
});

test("a host that is broken does not keep the page away", async () => {
  const { page, context } = romeo;
  const before = stage.complaints.length;
  await context.route(stage.web.url, (route) => route.fulfill({ status: 502, body: "Bad Gateway" }));
  await page.reload();
  await page.getByRole("navigation").waitFor();
  await online(page);
  expect(stage.complaints.splice(before).filter((text) => !text.includes("502"))).toEqual([]);
});

test("signing out takes the drafts along", async () => {
  const { page } = romeo;
  await chat(page, "juliet");
  await field(page).fill("a secret");
  expect(await drafts(page)).toHaveLength(1);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  expect(await page.evaluate(() => Object.keys(sessionStorage))).toEqual([]);
});

test("an address in another spelling is the same account: one store, one device", async () => {
  const { page, context, account } = await stage.user("paris");
  await signIn(page, account.toUpperCase());
  await online(page);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, account);
  await online(page);
  expect(await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))).toEqual([`chat:${account}`]);
  await context.close();
});

test("where the small storage is forbidden the page works, and keeps nothing", async () => {
  const { page, context, account } = await stage.user("benvolio");
  await context.addInitScript(() => {
    for (const name of ["sessionStorage", "localStorage"]) {
      Object.defineProperty(window, name, { get: () => { throw new DOMException("forbidden", "SecurityError"); } });
    }
  });
  await page.reload();
  await signIn(page, account);
  await online(page);
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await context.close();
});

test("a page without https says so, and does not stay blank", async () => {
  const { page, context } = await stage.user("nurse");
  await context.addInitScript(() => {
    Object.defineProperty(window, "isSecureContext", { value: false });
    Object.defineProperty(Navigator.prototype, "locks", { value: undefined });
  });
  await page.reload();
  await page.getByRole("alert").filter({ hasText: "This page has to be opened over https://" }).waitFor();
  await context.close();
});

test("no page has complained, broken its policy, or asked any other origin", () => {
  expect(stage.complaints).toEqual([]);
});
