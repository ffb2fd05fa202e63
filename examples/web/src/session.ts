/**
 * Who is signed in here. By default the password lives in `sessionStorage`: in this tab, over reloads, until it is closed. Only if the user asks
 * for it, it is written into `localStorage`, in clear. A new tab asks the open ones, so that several tabs need one sign-in; the answer goes, in
 * clear, to every page of this origin that listens: nothing else may be served there.
 * @module
 */
import { forgetDrafts } from "./drafts.js";
import { drop, keep, kept, type Place } from "./lib/kept.js";

/** What it takes to open an account. */
export interface Session {
  readonly account: string;
  readonly password: string;
  readonly services: readonly string[];
}

const key = "chat.session";
const channelName = "chat.session";
/** A tab that is signed in holds this lock, shared: then it is worth asking. */
const lockName = "chat.signed-in";
/** How long open tabs have to answer a new one, in milliseconds. */
const answerMs = 500;

type Notice = { readonly kind: "ask" } | { readonly kind: "signed-in"; readonly session: Session } | { readonly kind: "signed-out" };

/** Remembers a sign-in: for this tab, or on this device until {@link forget}. */
export function remember(session: Session, onDevice: boolean): void {
  keep("tab", key, JSON.stringify(session));
  if (onDevice) keep("device", key, JSON.stringify(session));
}

/** Forgets it, here and in all other tabs. */
export function forget(): void {
  drop("tab", key);
  drop("device", key);
  forgetDrafts();
  const channel = new BroadcastChannel(channelName);
  channel.postMessage({ kind: "signed-out" } satisfies Notice);
  channel.close();
}

/** The session of this tab, of this device, or of another open tab. */
export async function recall(): Promise<Session | undefined> {
  const known = read("tab") ?? read("device");
  if (known !== undefined) return known;
  const session = await askOtherTabs();
  if (session !== undefined) remember(session, false);
  return session;
}

/** Tells new tabs who is signed in, and hears when another one signs out. @returns a function that ends it */
export function shareSession(session: Session, onSignedOut: () => void): () => void {
  const channel = new BroadcastChannel(channelName);
  channel.addEventListener("message", ({ data }: MessageEvent<Notice>) => {
    if (data.kind === "ask") channel.postMessage({ kind: "signed-in", session } satisfies Notice);
    if (data.kind !== "signed-out") return;
    drop("tab", key);
    forgetDrafts();
    onSignedOut();
  });
  const end = new AbortController();
  navigator.locks.request(lockName, { mode: "shared", signal: end.signal }, () => new Promise<void>((resolve) => {
    end.signal.addEventListener("abort", () => { resolve(); });
  })).catch(() => undefined); // ended before it was granted
  return () => {
    end.abort();
    channel.close();
  };
}

async function askOtherTabs(): Promise<Session | undefined> {
  const { held = [] } = await navigator.locks.query();
  if (!held.some(({ name }) => name === lockName)) return undefined;
  const channel = new BroadcastChannel(channelName);
  return await new Promise<Session | undefined>((resolve) => {
    setTimeout(resolve, answerMs);
    channel.addEventListener("message", ({ data }: MessageEvent<Notice>) => {
      if (data.kind === "signed-in") resolve(data.session);
    });
    channel.postMessage({ kind: "ask" } satisfies Notice);
  }).finally(() => { channel.close(); });
}

function read(place: Place): Session | undefined {
  try {
    const text = kept(place, key);
    return text === undefined ? undefined : JSON.parse(text) as Session;
  } catch {
    drop(place, key); // not ours, or of another version
    return undefined;
  }
}
