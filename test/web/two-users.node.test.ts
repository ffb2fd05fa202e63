/** The web example as two people use it, in two browser contexts, against a real Prosody and under its own Content-Security-Policy. */
import type { Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { take } from "../support/take.js";
import { online, signIn, type User, type WebStage, webStage } from "../support/web-stage.js";

let stage: WebStage;
let romeo: User;
let juliet: User;

beforeAll(async () => {
  stage = await webStage(["romeo", "juliet", "mercutio", "tybalt", "nurse"], [["romeo", "juliet", "Friends"], ["romeo", "nurse", "Team"]]);
  romeo = await stage.signedIn("romeo");
  juliet = await stage.signedIn("juliet");
  await Promise.all([online(romeo.page), online(juliet.page)]);
}, 120_000);
afterAll(async () => { await stage.end(); });

/** Opens a conversation from the lists. */
async function open(page: Page, name: string): Promise<void> {
  await page.getByRole("tab", { name: "Contacts" }).click();
  await page.getByRole("tabpanel", { name: "Contacts" }).getByRole("link", { name }).click();
  await page.getByRole("heading", { level: 2, name }).waitFor();
}

const write = async (page: Page, text: string): Promise<void> => {
  const field = page.getByRole("textbox", { name: /^Message to/ });
  await field.fill(text);
  await field.press("Enter");
};

const messages = (page: Page): ReturnType<Page["locator"]> => page.locator(".messages .message");
const message = (page: Page, text: string): ReturnType<Page["locator"]> => messages(page).filter({ hasText: text });

test("a wrong password is said plainly, and the right one gets in from the same form", async () => {
  const { context, page } = await stage.user("tybalt");
  await page.getByLabel("Address", { exact: true }).fill(stage.jid("tybalt"));
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "The address or the password is wrong." }).waitFor();
  await signIn(page, stage.jid("tybalt"));
  expect(await page.evaluate(() => localStorage.getItem("chat.session"))).toBeNull(); // only for the asking
  await context.close();
});

test("two people exchange messages, and each state is shown as it happens", async () => {
  await open(romeo.page, "Juliet");
  await write(romeo.page, "Art thou there?");
  await juliet.page.getByRole("tab", { name: "Chats" }).click();
  const entry = juliet.page.getByRole("tabpanel", { name: "Chats" }).getByRole("link", { name: /Romeo/ });
  await entry.filter({ hasText: "1 unread" }).waitFor();
  await message(romeo.page, "Art thou there?").filter({ hasText: "Delivered" }).waitFor();
  await entry.click();
  await message(juliet.page, "Art thou there?").waitFor();
  await message(romeo.page, "Art thou there?").filter({ hasText: "Read" }).waitFor();
  await entry.filter({ hasNotText: "unread" }).waitFor();
  await write(juliet.page, "I hear thee \u202E and <b>see</b> thee");
  const heard = message(romeo.page, "<b>see</b>");
  await heard.waitFor();
  expect(await heard.locator("b").count()).toBe(0);
  expect(await messages(romeo.page).filter({ hasText: "Not encrypted" }).count()).toBe(0);
});

test("after a reload the conversation is open again, with its history, without signing in", async () => {
  await juliet.page.reload();
  await message(juliet.page, "Art thou there?").waitFor();
  await message(juliet.page, "I hear thee").waitFor();
  await online(juliet.page);
});

test("what is written offline waits, is there after a reload without any network, and leaves once when it is back", async () => {
  const { page, context } = romeo;
  const before = stage.complaints.length;
  await online(page);
  await page.evaluate(async () => { await navigator.serviceWorker.ready; });
  await context.setOffline(true);
  stage.web.setReachable(false); // a browser that is told to be offline keeps the connections that it has
  await page.getByRole("status").filter({ hasText: "Offline." }).waitFor();
  await write(page, "written in the dark");
  await message(page, "written in the dark").filter({ hasText: "Waiting" }).waitFor();
  await write(page, "second thoughts");
  await message(page, "second thoughts").filter({ hasText: "Waiting" }).waitFor();
  // Nothing answers, not even the host of the page: it is loaded from this browser and shows all that there is.
  await page.reload();
  expect(await page.evaluate(() => navigator.onLine)).toBe(false);
  await message(page, "written in the dark").filter({ hasText: "Waiting" }).waitFor();
  await message(page, "Art thou there?").filter({ hasText: "Read" }).waitFor();
  await message(page, "second thoughts").getByRole("button", { name: "Take back" }).click();
  await message(page, "second thoughts").waitFor({ state: "detached" });
  const field = page.getByRole("textbox", { name: /^Message to/ });
  await expect.poll(() => field.inputValue()).toBe("second thoughts"); // to be written better
  await field.fill("");
  await page.getByRole("tab", { name: "Chats" }).click();
  await page.getByRole("tabpanel", { name: "Chats" }).getByRole("link", { name: /Juliet/ }).filter({ hasText: "written in the dark" }).waitFor();
  await context.setOffline(false);
  stage.web.setReachable(true);
  await page.getByRole("button", { name: "Connect now" }).click();
  await online(page);
  await message(page, "written in the dark").filter({ hasText: /Delivered|Read/ }).waitFor();
  await write(juliet.page, "the last word");
  await message(page, "the last word").waitFor();
  expect([await message(juliet.page, "written in the dark").count(), await message(juliet.page, "second thoughts").count()]).toEqual([1, 0]);
  // The browser itself reports each attempt that fails.
  expect(stage.complaints.splice(before).filter((text) => !/WebSocket connection to '[^']*' failed/.test(text))).toEqual([]);
});

test("fingerprints are the same on both sides; once compared, messages are marked as verified", async () => {
  const shown = async (page: Page, section: string): Promise<string> => {
    await page.getByRole("button", { name: "Contact, devices and keys" }).click();
    const text = await page.locator("dialog section").filter({ hasText: section }).locator(".fingerprint").first().innerText();
    return text.replace(/\s+/g, "");
  };
  const own = await shown(romeo.page, "This device");
  const seen = await shown(juliet.page, "Their devices");
  expect(seen).toMatch(/^[0-9a-f]{64}$/);
  expect(seen).toBe(own);
  await juliet.page.getByRole("button", { name: "They match: trust" }).click();
  await juliet.page.getByRole("dialog").getByText("Verified by you").waitFor();
  for (const { page } of [romeo, juliet]) {
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  }
  await write(romeo.page, "now you know me");
  await message(juliet.page, "now you know me").filter({ hasText: "Verified" }).waitFor();
});

test("the presence policy is seen from the other side, and said on this one", async () => {
  const { page } = romeo;
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Show myself differently to different people").check();
  await page.getByRole("dialog").getByLabel("Friends").selectOption("busy");
  await page.getByLabel("Everybody else").selectOption("offline");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("status").filter({ hasText: "In force." }).waitFor();
  await page.keyboard.press("Escape");
  await juliet.page.locator(".chat-line").filter({ hasText: "busy" }).waitFor();
  await page.locator(".chat-line").filter({ hasText: "sees you busy" }).waitFor();
  const nurse = await stage.client("nurse");
  await expect.poll(() => nurse.presence.contact(romeo.account)?.best?.show).toBe("available"); // the Team group keeps its level
  // It outlives a reload, from the first presence on.
  await page.reload();
  await page.locator(".chat-line").filter({ hasText: "sees you busy" }).waitFor();
  await page.getByRole("button", { name: "Settings" }).click();
  expect(await page.getByRole("dialog").getByLabel("Friends").inputValue()).toBe("busy"); // read back from the SDK
  await page.getByLabel("Show myself differently to different people").uncheck();
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("status").filter({ hasText: "Everybody sees the same." }).waitFor();
  await page.keyboard.press("Escape");
  await juliet.page.locator(".chat-line").filter({ hasText: "available" }).waitFor();
});

test("a contact request is asked, said, accepted, and both see each other", async () => {
  const mercutio = await stage.signedIn("mercutio");
  await online(mercutio.page);
  await mercutio.page.getByRole("button", { name: "Add a contact" }).click();
  await mercutio.page.getByLabel("Address", { exact: true }).fill(romeo.account);
  await mercutio.page.getByLabel("Name").fill("Romeo");
  await mercutio.page.getByLabel("Groups").fill("Montague, Friends");
  await mercutio.page.getByRole("button", { name: "Add and ask" }).click();
  await mercutio.page.getByRole("heading", { level: 2, name: "Romeo" }).waitFor();
  await romeo.page.getByRole("button", { name: `Accept ${stage.jid("mercutio")}` }).click();
  await mercutio.page.locator(".chat-line").filter({ hasText: "available" }).waitFor();
  // Asked back: a person answers, as he did.
  await mercutio.page.getByRole("button", { name: `Accept ${romeo.account}` }).click();
  await romeo.page.getByRole("tab", { name: "Contacts" }).click();
  await romeo.page.getByRole("link", { name: /mercutio/ }).filter({ hasText: "available" }).first().waitFor();
  await mercutio.context.close();
});

test("somebody who is blocked reaches nobody, until he is unblocked", async () => {
  const { page } = juliet;
  await page.getByRole("button", { name: "Contact, devices and keys" }).click();
  await page.getByRole("button", { name: "Block", exact: true }).click();
  await page.getByRole("button", { name: "Unblock", exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByText("You have blocked this address.").waitFor();
  expect(await page.getByRole("textbox", { name: /^Message to/ }).isDisabled()).toBe(true);
  await open(romeo.page, "Juliet");
  await romeo.page.locator(".chat-line").filter({ hasText: "offline" }).waitFor();
  await write(romeo.page, "do you hear me?");
  const refused = message(romeo.page, "do you hear me?");
  await refused.filter({ hasText: "The other side refused the message." }).waitFor();

  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: `Unblock ${romeo.account}` }).click();
  await page.getByRole("dialog").getByText("Nobody.").waitFor();
  await page.keyboard.press("Escape");
  await refused.getByRole("button", { name: "Try again" }).click();
  await message(page, "do you hear me?").waitFor();
  await message(romeo.page, "do you hear me?").filter({ hasText: /Delivered|Read/ }).waitFor();
  await expect.poll(() => message(romeo.page, "do you hear me?").count()).toBe(1); // in place of the one that was refused
});

test("a browser on WebSocket and a service on TCP talk to each other", async () => {
  const service = await stage.client("tybalt");
  const heard = service.messages({ signal: AbortSignal.timeout(60_000) });
  const { page } = romeo;
  await page.goto(`${stage.web.url}#/chat/${encodeURIComponent(stage.jid("tybalt"))}`);
  await page.getByText("Not in your contacts").waitFor();
  await write(page, "Good capulet, be satisfied");
  const [first] = await take(heard, 1);
  expect(first).toMatchObject({ text: "Good capulet, be satisfied", from: romeo.account, security: { level: "trusted" } });
  await service.conversation(romeo.account).send({ text: "I am for you" }).reached("sent");
  await message(page, "I am for you").waitFor();
});

test("no page has complained, broken its policy, or asked any other origin", () => {
  expect(stage.complaints).toEqual([]);
});
