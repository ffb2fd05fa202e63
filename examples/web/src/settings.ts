/**
 * Where servers are. Whoever hosts this page says so in `settings.json` beside it; otherwise the account's domain is asked (XEP-0156), and if it
 * does not say, the usual address is tried. The page's Content-Security-Policy has to allow what is used.
 * @module
 */

/** What the one who hosts the page has set. */
export interface Settings {
  /** The domain of new users' addresses, as a hint. */
  readonly domain?: string;
  /** The server's WebSocket. */
  readonly service?: string;
}

/** Reads `settings.json`; without one there are no settings. */
export async function loadSettings(): Promise<Settings> {
  const found = await readJson(new URL("settings.json", document.baseURI));
  const { domain, service } = (found ?? {}) as Readonly<Record<string, unknown>>;
  return { ...(typeof domain === "string" ? { domain } : {}), ...(typeof service === "string" ? { service } : {}) };
}

/** The addresses to try for an account, in order. */
export async function servicesFor(account: string, typed: string, settings: Settings): Promise<readonly string[]> {
  if (typed !== "") return [typed];
  if (settings.service !== undefined) return [settings.service];
  const domain = account.slice(account.lastIndexOf("@") + 1);
  const found = await discover(domain);
  return found.length > 0 ? found : [`wss://${domain}/xmpp-websocket`];
}

async function discover(domain: string): Promise<readonly string[]> {
  if (!/^[A-Za-z0-9.-]+$/.test(domain)) return [];
  const found = await readJson(new URL(`https://${domain}/.well-known/host-meta.json`)) as { readonly links?: unknown } | undefined;
  const links: readonly unknown[] = Array.isArray(found?.links) ? found.links : [];
  return links.flatMap((link) => {
    const { rel, href } = (link ?? {}) as Readonly<Record<string, unknown>>;
    return rel === "urn:xmpp:alt-connections:websocket" && typeof href === "string" && href.startsWith("wss://") ? [href] : [];
  }).slice(0, 4);
}

async function readJson(url: URL): Promise<unknown> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000), redirect: "error", credentials: "omit", referrerPolicy: "no-referrer" });
    return answer.ok ? await answer.json() : undefined;
  } catch {
    return undefined; // there is none, or nobody answers: both mean that nothing is set
  }
}
