/** The web example in several tabs of one browser: one connection, the same view, and nothing lost when the tab that holds it goes. */
import type { Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { online, type User, type WebStage, webStage } from "../support/web-stage.js";

let stage: WebStage;
let romeo: User;
let juliet: User;

beforeAll(async () => {
  stage = await webStage(["romeo", "juliet"], [["romeo", "juliet", "Friends"]]);
  romeo = await stage.signedIn("romeo");
  juliet = await stage.signedIn("juliet");
  await Promise.all([online(romeo.page), online(juliet.page)]);
  await juliet.page.goto(`${stage.web.url}#/chat/${encodeURIComponent(romeo.account)}`);
}, 120_000);
afterAll(async () => { await stage.end(); });

const write = async (page: Page, text: string): Promise<void> => {
  const field = page.getByRole("textbox", { name: /^Message to/ });
  await field.fill(text);
  await field.press("Enter");
};
const message = (page: Page, text: string): ReturnType<Page["locator"]> => page.locator(".messages .message").filter({ hasText: text });
const texts = (page: Page): Promise<string[]> => page.locator(".messages .message .words").allInnerTexts();

test("a second tab is signed in by the first, and both show the same from either side", async () => {
  const first = romeo.page;
  const second = await romeo.tab();
  await second.getByRole("navigation").waitFor();
  await online(second);
  for (const page of [first, second]) await page.goto(`${stage.web.url}#/chat/${encodeURIComponent(juliet.account)}`);
  await write(first, "from the first tab");
  await message(second, "from the first tab").filter({ hasText: /Delivered|Read/ }).waitFor();
  await write(second, "from the second tab");
  await message(first, "from the second tab").filter({ hasText: /Delivered|Read/ }).waitFor();
  await write(juliet.page, "to both");
  await Promise.all([first, second].map((page) => message(page, "to both").waitFor()));
  expect(await texts(second)).toEqual(await texts(first));
  // One device, not two: the account has the one that both tabs share.
  await second.getByRole("button", { name: "Settings" }).click();
  await second.getByText("(this device)").waitFor();
  expect(await second.locator("dialog .device").count()).toBe(1);
  await second.keyboard.press("Escape");
});

test("D10 when the tab that holds the connection is closed, another one goes on, and nothing is lost or doubled", async () => {
  const second = romeo.context.pages()[1];
  if (second === undefined) throw new TypeError("there is no second tab");
  await write(romeo.page, "the last words of the first tab");
  await message(romeo.page, "the last words of the first tab").filter({ hasText: /Waiting|Encrypted|Sent|Delivered|Read/ }).waitFor();
  await romeo.page.close();
  await write(second, "the second tab goes on");
  await message(juliet.page, "the second tab goes on").waitFor();
  await write(juliet.page, "I hear the second");
  await message(second, "I hear the second").waitFor();
  expect(await message(juliet.page, "the last words of the first tab").count()).toBe(1);
  expect(await message(juliet.page, "the second tab goes on").count()).toBe(1);
  // A third one, opened now, shows all of it.
  const third = await romeo.tab();
  await third.goto(`${stage.web.url}#/chat/${encodeURIComponent(juliet.account)}`);
  await message(third, "I hear the second").waitFor();
  expect(await texts(third)).toEqual(await texts(second));
});

test("signing out in one tab signs out in all", async () => {
  const [second, third] = romeo.context.pages();
  await third?.getByRole("button", { name: "Settings" }).click();
  await third?.getByRole("button", { name: "Sign out" }).click();
  await third?.getByRole("heading", { name: "Sign in" }).waitFor();
  await second?.getByText("You have signed out in another tab.").waitFor();
  expect(await second?.evaluate(() => [sessionStorage.getItem("chat.session"), localStorage.getItem("chat.session")])).toEqual([null, null]);
});

test("no page has complained, broken its policy, or asked any other origin", () => {
  expect(stage.complaints).toEqual([]);
});
