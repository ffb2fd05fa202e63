/**
 * What the software of others can do, as far as they have shown that they are there.
 * Spec: XEP-0115. Threats F23. Not here: asking and proving (transport/features/caps-directory.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { type BareJid, isFullJid, toBare } from "../../base/jid.js";
import { CapsDirectory } from "../../transport/features/caps-directory.js";
import type { DiscoInfo } from "../../transport/xep/xep0030.js";
import type { Connection } from "../link.js";
import { address } from "./availability.js";
import type { ContactWatch } from "./contact-watch.js";

/** See {@link Presence.capabilities}. */
export class ContactCapabilities {
  readonly #account: BareJid;
  readonly #watch: Pick<ContactWatch, "own" | "contacts">;
  readonly #directory = new CapsDirectory();

  constructor(account: BareJid, watch: Pick<ContactWatch, "own" | "contacts">) {
    this.#account = account;
    this.#watch = watch;
  }

  async of(jid: string, connection: () => Connection, options: { readonly signal?: AbortSignal | undefined }): Promise<DiscoInfo | undefined> {
    const full = address(jid);
    if (!isFullJid(full)) throw new UsageError("ERR_INVALID_JID", "capabilities belong to a full address");
    const book = toBare(full) === this.#account ? this.#watch.own : this.#watch.contacts;
    const claim = book.resource(full)?.caps;
    const known = this.#directory.known(full, claim);
    if (known !== undefined) return known;
    const { iq, signal } = connection();
    return this.#directory.ask({ iq, over: signal, jid: full, claim, ...options });
  }
}
