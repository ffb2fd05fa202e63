/** The web example for everybody: axe on every screen, light, dark and as narrow as a phone; and a walk with the keyboard alone. */
import axe from "axe-core";
import type { BrowserContextOptions, Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { online, password, type WebStage, webStage } from "../support/web-stage.js";

/** What axe reports, as far as it is used here. */
interface Found {
  readonly violations: readonly { readonly id: string; readonly help: string; readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[] }[];
  readonly passes: readonly unknown[];
}

let stage: WebStage;
beforeAll(async () => {
  stage = await webStage(
    ["romeo", "juliet", "mercutio", "tybalt", "paris", "benvolio", "keys"],
    [["romeo", "juliet", "Friends"], ["benvolio", "juliet", "Friends"], ["paris", "juliet", "Friends"], ["keys", "juliet", "Friends"]],
  );
  const juliet = await stage.client("juliet");
  juliet.onEvent((event) => {
    if (event.kind !== "message" || event.message.direction !== "received") return;
    juliet.conversation(event.message.conversation).send({ text: `Thou saidst: ${event.message.text}` });
  });
}, 120_000);
afterAll(async () => { await stage.end(); });

/** @throws naming each violation and where it is */
async function check(page: Page, screen: string): Promise<void> {
  const found = await page.evaluate(async () => (globalThis as unknown as { axe: { run(): Promise<unknown> } }).axe.run()) as Found;
  expect(found.passes.length, screen).toBeGreaterThan(5); // it has looked at something
  expect(found.violations.map(({ id, help, nodes }) => `${screen}: ${id}: ${help}: ${nodes.map((node) => `${node.html} ${node.failureSummary ?? ""}`).join(" | ")}`)).toEqual([]);
}

const looks: readonly { readonly look: string; readonly user: string; readonly options: BrowserContextOptions }[] = [
  { look: "light", user: "romeo", options: { colorScheme: "light" } },
  { look: "dark", user: "benvolio", options: { colorScheme: "dark" } },
  { look: "as narrow as a phone", user: "paris", options: { colorScheme: "light", viewport: { width: 360, height: 700 }, hasTouch: true } },
];

test.each(looks)("no screen has an axe violation, $look", async ({ user, options }) => {
  // axe is a script of the test, which the page's policy would keep out: it gets a context without one.
  const { context, page, account } = await stage.user(user, { ...options, bypassCSP: true });
  await context.addInitScript({ content: axe.source });
  await page.reload();
  await page.getByText("Server address").click();
  await check(page, "sign-in");
  await page.getByLabel("Address", { exact: true }).fill(account);
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  await check(page, "sign-in refused");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").waitFor();
  await online(page);
  const asker = await stage.client("mercutio");
  await asker.roster.subscribeTo(account, { text: "we must have you dance" });
  await page.getByRole("button", { name: /^Accept mercutio/ }).waitFor();
  await page.getByRole("tab", { name: "Contacts" }).click();
  await check(page, "contacts with a request");
  await page.getByRole("link", { name: /Juliet/ }).click();
  const text = page.getByRole("textbox", { name: "Message to Juliet" });
  await text.fill("Art thou there?");
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator(".message").filter({ hasText: "Thou saidst" }).waitFor();
  await check(page, "conversation");
  await page.getByRole("button", { name: "Contact, devices and keys" }).click();
  await page.locator("dialog .device").first().waitFor();
  await check(page, "contact");
  await page.getByRole("button", { name: "They match: trust" }).click();
  await page.getByText("Verified by you").waitFor();
  await page.getByRole("button", { name: "Block", exact: true }).click();
  await page.getByRole("button", { name: "Unblock", exact: true }).waitFor();
  await check(page, "contact, verified and blocked");
  await page.keyboard.press("Escape");
  await page.getByText("You have blocked this address.").waitFor();
  await check(page, "blocked conversation");
  await page.goto(`${stage.web.url}#/chat/${encodeURIComponent(stage.jid("tybalt"))}`);
  await page.getByRole("textbox", { name: /^Message to tybalt/ }).fill("anybody?");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("This contact has no device for encrypted messages yet.").waitFor();
  await check(page, "failed");
  await page.getByRole("button", { name: "Send without encryption" }).click();
  await page.getByText("Not encrypted").waitFor();
  await check(page, "not encrypted");
  if (await page.getByRole("button", { name: "Back to the lists" }).isVisible()) await page.getByRole("button", { name: "Back to the lists" }).click();
  await page.getByRole("tab", { name: "Chats" }).click();
  await check(page, "chats");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Show myself differently to different people").check();
  await page.getByRole("dialog").getByRole("button", { name: /^Unblock/ }).waitFor();
  await check(page, "settings");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Add a contact" }).click();
  await check(page, "adding a contact");
  await page.keyboard.press("Escape");
  await page.goto("about:blank"); // the page lets go of its database, and the browser deletes it
  await (await context.newCDPSession(page)).send("Storage.clearDataForOrigin", { origin: new URL(stage.web.url).origin, storageTypes: "indexeddb" });
  await page.goto(stage.web.url);
  await page.getByRole("alert").filter({ hasText: "This browser has deleted" }).waitFor();
  await page.getByRole("status").filter({ hasText: "If this device runs out of room" }).waitFor();
  await check(page, "after a loss");
  const before = stage.complaints.length;
  await context.setOffline(true);
  stage.web.setReachable(false);
  await page.locator(".banner").filter({ hasText: "Offline." }).waitFor();
  await check(page, "offline");
  await context.close();
  stage.web.setReachable(true);
  stage.complaints.splice(before); // the browser reports each attempt without a network
}, 120_000);

/** What has the focus, as a screen reader would name it. */
const focused = (page: Page): ReturnType<Page["locator"]> => page.locator(":focus");

async function tabTo(page: Page, name: RegExp, key = "Tab"): Promise<void> {
  for (let i = 0; i < 40; i++) {
    const label = await focused(page).evaluateAll(([element]) => (element === undefined ? "" : element.getAttribute("aria-label") ?? (element.textContent || (element as HTMLInputElement).name)));
    if (name.test(label)) {
      const outline = await focused(page).evaluate((element) => getComputedStyle(element).outlineStyle);
      expect(outline, `the focus on ${label} is seen`).not.toBe("none");
      return;
    }
    await page.keyboard.press(key);
  }
  expect.fail(`${String(name)} cannot be reached with ${key}`);
}

test("everything can be done with the keyboard alone, and the focus never gets lost", async () => {
  const { context, page, account } = await stage.user("keys");
  await page.locator("input:focus").waitFor(); // in the first field
  await page.keyboard.type(account);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation").waitFor();
  await online(page);
  await tabTo(page, /^(Chats|Contacts)$/);
  await page.keyboard.press("Alt+2");
  expect(await focused(page).innerText()).toBe("Contacts");
  await tabTo(page, /Juliet/);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 2, name: "Juliet" }).waitFor();
  await page.locator("textarea:focus").waitFor(); // ready to write
  await page.keyboard.type("by hand");
  await page.keyboard.press("Enter");
  await page.locator(".message").filter({ hasText: "Thou saidst: by hand" }).waitFor();
  await tabTo(page, /Contact, devices and keys/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await tabTo(page, /They match: trust/);
  await page.keyboard.press("Enter");
  await page.getByText("Verified by you").waitFor();
  await page.locator("button:focus").filter({ hasText: "Distrust" }).waitFor(); // the button that had it is gone
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await focused(page).getAttribute("aria-label")).toBe("Contact, devices and keys"); // back to where it was
  await page.keyboard.press("Escape");
  await page.locator('a:focus[href*="juliet"]').waitFor(); // back to the list, on the chat that was left
  await page.keyboard.press("Alt+N");
  await page.getByRole("dialog", { name: "Add a contact" }).waitFor();
  await page.keyboard.type("not an address@");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "This is not an address." }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Alt+,");
  await page.getByRole("dialog", { name: "Settings" }).waitFor();
  await tabTo(page, /Sign out/);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor(); // and stays signed out
  await context.close();
});

test("no page has complained", () => {
  expect(stage.complaints).toEqual([]);
});
