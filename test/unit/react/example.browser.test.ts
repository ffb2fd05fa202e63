/** The example page, rendered and used as a user would. */
import { act, createElement, StrictMode } from "react";
import { expect, test } from "vitest";
import { App, Signed } from "../../../examples/react/chat.js";
import { offlineClient, page, shows, strict } from "./stage.js";

const click = (element: Element | null | undefined): Promise<void> => act(async () => { (element as HTMLElement).click(); });

/** React listens to what the browser does, not to properties. */
async function type(element: Element | null, text: string): Promise<void> {
  const input = element as HTMLInputElement;
  await act(async () => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(input, text);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

test("a conversation is opened, a message written, and its state shown, without a connection", async () => {
  const client = await offlineClient();
  await client.conversation("juliet@verona.example").send({ text: "Art thou there?" }).reached("stored");
  const at = page();
  await at.render(strict(createElement(Signed, { client, onSignOut: () => undefined })));
  expect(at.element.querySelector("[role=status]")?.textContent).toBe("offline");
  await shows(() => at.element.querySelector("nav button")?.textContent, "juliet@verona.example juliet@verona.example, not there");
  await click(at.element.querySelector("nav button"));
  await shows(() => at.element.querySelectorAll("li").length, 1);
  await type(at.element.querySelector("section input"), "It is I");
  await click(at.element.querySelector("section form button"));
  await shows(() => [...at.element.querySelectorAll("li")].map((line) => line.textContent), [
    "romeo@verona.example Art thou there? stored", "romeo@verona.example It is I stored",
  ]);
  expect(at.element.querySelector<HTMLInputElement>("section input")?.value).toBe("");
});

test("the form signs in, and a wrong server is told", async () => {
  const at = page();
  await at.render(createElement(StrictMode, null, createElement(App)));
  const account = `romeo-${crypto.randomUUID()}@verona.example`;
  for (const [name, text] of [["account", account], ["password", "secret"], ["service", "ws://192.0.2.1/xmpp"]] as const) await type(at.element.querySelector(`[name=${name}]`), text);
  await click(at.element.querySelector("button"));
  await shows(() => at.element.querySelector("[role=alert]")?.textContent, "ERR_TLS_REQUIRED Try again");
});

test("a text that cannot be sent is back in the field, and said why", async () => {
  const client = await offlineClient();
  await client.conversation("juliet@verona.example").send({ text: "Art thou there?" }).reached("stored");
  const at = page();
  await at.render(strict(createElement(Signed, { client, onSignOut: () => undefined })));
  await shows(() => at.element.querySelectorAll("nav button").length, 1);
  await click(at.element.querySelector("nav button"));
  await shows(() => at.element.querySelectorAll("li").length, 1);
  await type(at.element.querySelector("section input"), "\u0007");
  await click(at.element.querySelector("section form button"));
  await shows(() => at.element.querySelector("section [role=alert]")?.textContent, "ERR_INVALID_TEXT");
  expect(at.element.querySelector<HTMLInputElement>("section input")?.value).toBe("\u0007");
});

test("what is typed waits in its conversation while another one is open, and a text that is refused meanwhile comes back there", async () => {
  const client = await offlineClient();
  for (const name of ["juliet", "nurse"]) await client.conversation(`${name}@verona.example`).send({ text: "Good morrow" }).reached("stored");
  const at = page();
  const field = (): HTMLInputElement | null => at.element.querySelector("section input");
  const open = async (name: string): Promise<void> => {
    await click([...at.element.querySelectorAll("nav button")].find(({ textContent }) => textContent.startsWith(name)));
    await shows(() => at.element.querySelector("section")?.getAttribute("aria-label"), `${name}@verona.example`);
  };
  await at.render(strict(createElement(Signed, { client, onSignOut: () => undefined })));
  await shows(() => at.element.querySelectorAll("nav button").length, 2);
  await open("juliet");
  await type(field(), "But, soft!");
  await open("nurse");
  expect(field()?.value).toBe("");
  await type(field(), "Peter,\u0007 my fan");
  await click(at.element.querySelector("section form button"));
  await open("juliet");
  expect(field()?.value).toBe("But, soft!");
  await open("nurse");
  await shows(() => field()?.value, "Peter,\u0007 my fan");
});

test("an address that is none leads back to the form", async () => {
  const at = page();
  await at.render(createElement(StrictMode, null, createElement(App)));
  for (const [name, text] of [["account", "romeo"], ["password", "secret"], ["service", "wss://verona.example/ws"]] as const) await type(at.element.querySelector(`[name=${name}]`), text);
  await click(at.element.querySelector("button"));
  await shows(() => at.element.querySelector("[role=alert]")?.textContent.includes("address"), true);
  await click(at.element.querySelector("[role=alert] button"));
  await shows(() => at.element.querySelectorAll("form").length, 1);
});
