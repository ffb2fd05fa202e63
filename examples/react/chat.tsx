/**
 * Sign in, see who is there, write. No state of its own beside what the user types: everything else is the client's, and the hooks follow it.
 * One tab at a time; with `createSharedClient` of `sotto/tabs` in place of `createClient` it is as many as the user likes, and nothing else changes.
 * @module
 */
import { type ReactNode, type SyntheticEvent, useEffect, useState } from "react";
import { type Client, createClient, type Message, SottoError } from "sotto";
import { ClientProvider, useClient, useContact, useConversations, useOwnedClient, usePresence, useRoster, useSend, useStatus, useTimeline } from "sotto/react";
import { indexedDbStore } from "sotto/storage/indexeddb";

interface Account { readonly account: string; readonly password: string; readonly service: string }

/** The page: a form, and behind it the chat. */
export function App(): ReactNode {
  const [account, setAccount] = useState<Account>();
  return account === undefined ? <SignIn onSignIn={setAccount} /> : <SignedIn {...account} onSignOut={() => { setAccount(undefined); }} />;
}

function SignIn({ onSignIn }: { readonly onSignIn: (account: Account) => void }): ReactNode {
  const submit = (event: SyntheticEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const field = (name: string): string => form.get(name) as string;
    onSignIn({ account: field("account"), password: field("password"), service: field("service") });
  };
  return (
    <form onSubmit={submit}>
      <label>Address <input name="account" required placeholder="romeo@example.org" autoComplete="username" /></label>
      <label>Password <input name="password" required type="password" autoComplete="current-password" /></label>
      <label>Server <input name="service" required placeholder="wss://example.org/xmpp-websocket" /></label>
      <button>Sign in</button>
    </form>
  );
}

function SignedIn({ account, password, service, onSignOut }: Account & { readonly onSignOut: () => void }): ReactNode {
  const owned = useOwnedClient(account, () => createClient({ account, password, service, store: indexedDbStore(account) }));
  if (owned.kind === "opening") return <p>Opening …</p>;
  // An address that is none, a browser that keeps nothing: the sentence says which.
  if (owned.kind === "failed") return <p role="alert">{String(owned.error)} <button onClick={onSignOut}>Back</button></p>;
  return <Signed client={owned.client} onSignOut={onSignOut} />;
}

/** The chat of a client that is there, wherever it works. */
export function Signed({ client, onSignOut }: { readonly client: Client; readonly onSignOut: () => void }): ReactNode {
  return <ClientProvider client={client}><Chat onSignOut={onSignOut} /></ClientProvider>;
}

function Chat({ onSignOut }: { readonly onSignOut: () => void }): ReactNode {
  const [open, setOpen] = useState<string>();
  const [drafts, setDrafts] = useState<Readonly<Record<string, string>>>({}); // up here, so that each waits while another conversation is open
  const { contacts, requests } = useRoster();
  const talked = useConversations()?.conversations.map(({ jid }) => jid) ?? [];
  const { roster } = useClient();
  return (
    <>
      <Status onSignOut={onSignOut} />
      {requests.map(({ jid, name, confusable }) => (
        <p key={jid}>{jid}{name === undefined ? "" : ` (“${name}”)`}{confusable ? <strong> The name could be taken for another one.</strong> : null} wants to see when you are there. <button onClick={() => void roster.approve(jid)}>Allow</button> <button onClick={() => void roster.deny(jid)}>Refuse</button></p>
      ))}
      <nav aria-label="Conversations">
        {[...new Set([...talked, ...contacts.keys()])].map((jid) => <Person key={jid} jid={jid} onOpen={() => { setOpen(jid); }} />)}
      </nav>
      {open === undefined ? <p>Choose a conversation.</p> : (
        <Conversation key={open} jid={open} draft={drafts[open] ?? ""} onDraft={(change) => { setDrafts((all) => ({ ...all, [open]: change(all[open] ?? "") })); }} />
      )}
    </>
  );
}

function Status({ onSignOut }: { readonly onSignOut: () => void }): ReactNode {
  const status = useStatus();
  const client = useClient();
  if (status.kind !== "stopped") return <><p role="status">{status.kind}</p><button onClick={onSignOut}>Sign out</button></>;
  const { code } = status.error;
  // Another attempt with the same password would say the same.
  return <p role="alert">{code} {code === "ERR_AUTH_REJECTED" ? <button onClick={onSignOut}>Sign in again</button> : <button onClick={() => { client.connect(); }}>Try again</button>}</p>;
}

/** Renders again only if this person changes. */
function Person({ jid, onOpen }: { readonly jid: string; readonly onOpen: () => void }): ReactNode {
  const contact = useContact(jid);
  const show = usePresence(jid)?.best?.show ?? "not there";
  return <button onClick={onOpen}>{contact?.name ?? jid} <small>{jid}, {show}</small></button>;
}

interface Drafted {
  readonly jid: string;
  /** What is in the field. */
  readonly draft: string;
  /** Also called when this conversation is not on the screen any more. */
  readonly onDraft: (change: (now: string) => string) => void;
}

function Conversation({ jid, draft, onDraft }: Drafted): ReactNode {
  const { messages, loading, complete, loadOlder } = useTimeline(jid);
  const client = useClient();
  const newest = messages.findLast(({ direction }) => direction === "received");
  // A timeline is read from the log: what is shown is what the user has seen.
  useEffect(() => { if (newest !== undefined) void client.conversation(jid).markDisplayed(newest); }, [client, jid, newest?.position]);
  return (
    <section aria-label={jid}>
      {complete ? null : <button disabled={loading} onClick={() => { loadOlder().catch(() => undefined); /* offline: the button stays */ }}>Older</button>}
      <ol>{messages.map((message) => <Line key={message.position} message={message} />)}</ol>
      <Composer jid={jid} draft={draft} onDraft={onDraft} />
    </section>
  );
}

function Line({ message: { text, from, delivery, unreadable } }: { readonly message: Message }): ReactNode {
  return <li><b>{from}</b> {unreadable === undefined ? text : <i>not readable on this device</i>} <small>{delivery?.error?.code ?? delivery?.state}</small></li>;
}

function Composer({ jid, draft: text, onDraft }: Drafted): ReactNode {
  const [problem, setProblem] = useState("");
  const send = useSend(jid);
  const work = async (): Promise<void> => {
    onDraft(() => "");
    setProblem("");
    try {
      await send({ text }).reached("stored"); // from here on its states appear in the timeline; offline it waits there
    } catch (error) {
      onDraft((now) => `${text} ${now}`.trim()); // no room, or characters that cannot be sent: it is in no timeline
      setProblem(error instanceof SottoError ? error.code : "It did not work.");
    }
  };
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (text.trim() !== "") void work();
  };
  return (
    <form onSubmit={submit}>
      <input aria-label="Message" value={text} onChange={({ target: { value } }) => { onDraft(() => value); }} /><button>Send</button>
      {problem === "" ? null : <p role="alert">{problem}</p>}
    </form>
  );
}
