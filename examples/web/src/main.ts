/** The start: whoever is signed in sees his conversations, everybody else the sign-in. @module */
import type { Client } from "sotto";
import { Scope } from "./lib/scope.js";
import { explain } from "./lib/explain.js";
import { keepPage } from "./offline.js";
import { ownLevel, tellOwnLevel } from "./own-presence.js";
import { forget, recall, remember, type Session, shareSession } from "./session.js";
import { loadSettings } from "./settings.js";
import { showLogin } from "./views/login.js";

const root = document.getElementById("app") ?? document.body;
let settings: ReturnType<typeof loadSettings> | undefined; // only whoever signs in needs them: offline they cannot be fetched

// The SDK and everything behind the sign-in are loaded while the user types.
const loadAccount = () => import("./account.js");
const loadShell = () => import("./views/shell.js");

/** The sign-in; `problem` says why it is there. */
function signIn(problem?: string, account?: string): void {
  settings ??= loadSettings();
  showLogin(root, {
    settings, problem, account,
    open: async (session) => (await loadAccount()).openClient(session),
    onSignedIn: async (client, session, onDevice) => {
      remember(session, onDevice);
      await show(client, session);
    },
  });
  Promise.all([loadAccount(), loadShell()]).catch(() => undefined); // tried again when it is needed
}

async function show(client: Client, session: Session): Promise<void> {
  const { showShell } = await loadShell();
  const scope = new Scope();
  const leave = (problem?: string): void => {
    scope.end();
    client.close().catch(() => undefined); // what it held is in the store already
    history.replaceState(null, "", location.pathname);
    signIn(problem, session.account);
  };
  scope.add(shareSession(session, () => { leave("You have signed out in another tab."); }));
  showShell(root, { client, account: session.account, scope, signOut: (problem) => {
    forget();
    leave(problem);
  } });
}

/** Opens what was open before a reload, online or not. */
async function resume(session: Session): Promise<void> {
  const client = await (await loadAccount()).openClient(session);
  try {
    await tellOwnLevel(client, ownLevel(session.account));
    client.connect();
    await show(client, session);
  } catch (error) {
    client.close().catch(() => undefined); // else it went on behind the sign-in
    throw error;
  }
}

// Without a secure context there are no locks, and nothing that tabs could share.
const session = isSecureContext ? await recall().catch(() => undefined) : undefined;
if (!isSecureContext) signIn("This page has to be opened over https://, or on the machine that serves it.");
else if (session === undefined) signIn();
else await resume(session).catch((error: unknown) => { signIn(explain(error), session.account); });
keepPage();
