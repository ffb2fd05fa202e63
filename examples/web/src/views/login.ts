/** Signing in. Errors are said where the user is, in a sentence. @module */
import { bareJid, type Client } from "sotto";
import { field, h } from "../lib/dom.js";
import { explain } from "../lib/explain.js";
import { ownLevel, tellOwnLevel } from "../own-presence.js";
import type { Session } from "../session.js";
import { servicesFor, type Settings } from "../settings.js";

export interface LoginOptions {
  readonly settings: Promise<Settings>;
  readonly problem?: string | undefined;
  readonly account?: string | undefined;
  /** Opens the account's data in this browser. */
  readonly open: (session: Session) => Promise<Client>;
  readonly onSignedIn: (client: Client, session: Session, onDevice: boolean) => Promise<void>;
}

/** How long a server has to let us in, in milliseconds. */
const patienceMs = 20_000;

/** Shows the sign-in in place of everything. */
export function showLogin(root: HTMLElement, options: LoginOptions): void {
  const account = h("input", {
    name: "account", autocomplete: "username", inputmode: "email", autocapitalize: "none", spellcheck: "false", required: true, dir: "auto",
    placeholder: "name@example.org", value: options.account ?? "",
  });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const service = h("input", { name: "service", inputmode: "url", autocapitalize: "none", spellcheck: "false", placeholder: "found by itself" });
  const keep = h("input", { type: "checkbox", id: "keep", "aria-describedby": "keep-hint" });
  const problem = h("p", { class: "problem", role: "alert" }, options.problem ?? "");
  const submit = h("button", { type: "submit", class: "primary" }, "Sign in");
  const advanced = h("details", { class: "advanced" }, h("summary", {}, "Server address"),
    field("WebSocket address", service, document.createTextNode("Only if it is not found by itself. It begins with wss://")));
  const form = h("form", { class: "card", "aria-labelledby": "login-title" },
    h("h1", { id: "login-title" }, "Sign in"),
    h("p", { class: "lead" }, "What you write is encrypted in this browser. Only the devices you write to can read it."),
    field("Address", account), field("Password", password), advanced,
    h("div", { class: "check" }, keep, h("label", { for: "keep" }, "Stay signed in on this device")),
    h("p", { class: "hint", id: "keep-hint" },
      "Otherwise you stay signed in until you close the tab. If you stay signed in, this browser stores the password in readable form: only do it on a device that is yours alone."),
    problem, submit);
  root.replaceChildren(h("main", { class: "login" }, form));
  void options.settings.then((settings) => {
    if (settings.service !== undefined) service.placeholder = settings.service;
    if (settings.domain !== undefined) account.placeholder = `name@${settings.domain}`;
  });

  const work = async (): Promise<void> => {
    const address = bareJid(account.value.trim()); // one spelling: it names the database too
    const services = await servicesFor(address, service.value.trim(), await options.settings);
    const session: Session = { account: address, password: password.value, services };
    await options.onSignedIn(await enter(options, session), session, keep.checked);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    problem.textContent = "";
    submit.disabled = true;
    submit.textContent = "Signing in…";
    work().catch((error: unknown) => {
      problem.textContent = explain(error);
      submit.disabled = false;
      submit.textContent = "Sign in";
      password.select();
    });
  });
  // The first thing that is missing.
  (account.value === "" ? account : password).focus();
}

/** Opens the account's data and connects. @throws SottoError if it does not get in; nothing stays open then */
async function enter({ open }: LoginOptions, session: Session): Promise<Client> {
  const client = await open(session);
  try {
    await tellOwnLevel(client, ownLevel(session.account));
    client.connect();
    await admitted(client);
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Resolves when the server knows us; what was missed may still be coming in. */
function admitted(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const status = client.status.getSnapshot();
      if (status.kind === "synchronizing" || status.kind === "online") settle(resolve);
      else if (status.kind === "stopped" || status.kind === "waiting") settle(() => { reject(status.error); });
    };
    const stop = client.status.subscribe(look);
    const timer = setTimeout(() => { settle(() => { client.ready({ signal: AbortSignal.abort() }).then(resolve, reject); }); }, patienceMs);
    const settle = (done: () => void): void => {
      stop();
      clearTimeout(timer);
      done();
    };
    look();
  });
}
