/**
 * What is known of each gateway: what it has said of itself in this run, its own presence, and the durable rest (gateway-memory.ts).
 * Bounded by what the memory holds (threats H06).
 * @module
 */
import { ObservableValue } from "../../base/events.js";
import { type BareJid, parseJid, toBare } from "../../base/jid.js";
import { plainDomainsMax, statusLengthMax } from "../../base/limits.js";
import { findChild, isElement, textOf, type XmlElement } from "../../base/xml.js";
import { stanzaError } from "../../transport/stream/stanza-error.js";
import { clientNamespace } from "../../transport/xep/namespaces.js";
import { cleanText } from "../../transport/xep/clean-text.js";
import type { GatewayMemory } from "./gateway-memory.js";
import type { Gateway, GatewayStatus } from "./ports.js";
import type { GatewaySelf } from "./self.js";

/** The gateways as they are shown. */
export class GatewayBook {
  readonly all: ObservableValue<ReadonlyMap<BareJid, Gateway>>;
  readonly #memory: GatewayMemory;
  readonly #selves = new Map<BareJid, GatewaySelf>();
  readonly #statuses = new Map<BareJid, GatewayStatus>();
  readonly #plain = new Set<BareJid>();
  #isFollowing = false;

  constructor(memory: GatewayMemory, onError: (error: unknown) => void) {
    this.#memory = memory;
    this.all = new ObservableValue(this.#view(), onError);
    memory.onChange(() => { this.all.set(this.#view()); }); // lives as long as the client, as this does
  }

  /** What `jid` has said of itself in this run. */
  self(jid: BareJid): GatewaySelf | undefined {
    return this.#selves.get(jid);
  }

  /** Whether `domain` has said in this run that it is no gateway. */
  isPlain(domain: BareJid): boolean {
    return this.#plain.has(domain);
  }

  /** Takes over what domains have said; `undefined`: no gateway. */
  async learn(said: Iterable<readonly [BareJid, GatewaySelf | undefined]>): Promise<void> {
    const all = [...said];
    for (const [jid, self] of all) {
      this.#selves.delete(jid);
      this.#plain.delete(jid);
      if (self === undefined) this.#plain.add(jid);
      else this.#selves.set(jid, self);
    }
    await this.#memory.learn(all.map(([jid, self]) => [jid, self?.type]));
    for (const known of [this.#selves, this.#statuses]) for (const jid of known.keys()) if (!this.#memory.types.has(jid)) known.delete(jid);
    for (const oldest of [...this.#plain].slice(0, Math.max(0, this.#plain.size - plainDomainsMax))) this.#plain.delete(oldest);
    this.all.set(this.#view());
  }

  /** Presence of a gateway itself; everything else is left alone. */
  seen(stanza: XmlElement): void {
    if (!isElement(stanza, clientNamespace, "presence")) return;
    const from = parseJid(stanza.attrs["from"] ?? "");
    const jid = from === undefined ? undefined : toBare(from);
    const status = jid !== undefined && this.#memory.types.has(jid) ? statusOf(stanza) : undefined;
    if (jid === undefined || status === undefined) return;
    this.#statuses.set(jid, status);
    this.all.set(this.#view());
  }

  /** Without a stream no status is known; where the session goes on nobody says again what he has said, and it holds as before. */
  follow(stream: "fresh" | "continued" | "none"): void {
    const { size } = this.#statuses;
    if (stream === "fresh") this.#statuses.clear();
    this.#isFollowing = stream !== "none";
    if (size > 0) this.all.set(this.#view());
  }

  #view(): ReadonlyMap<BareJid, Gateway> {
    return new Map([...this.#memory.types].map(([jid, type]): [BareJid, Gateway] => {
      const self = this.#selves.get(jid);
      return [jid, {
        jid, type, ...(self?.name === undefined ? {} : { name: self.name }), confusable: self?.confusable ?? false, ...(self === undefined ? {} : { registers: self.registers }),
        status: (this.#isFollowing ? this.#statuses.get(jid) : undefined) ?? { kind: "unknown" },
      }];
    }));
  }
}

function statusOf(stanza: XmlElement): GatewayStatus | undefined {
  const type = stanza.attrs["type"];
  if (type === "error") return { kind: "failed", condition: String(stanzaError(stanza).details["condition"]) };
  if (type !== undefined && type !== "unavailable") return undefined;
  const status = findChild(stanza, clientNamespace, "status");
  const text = status === undefined ? "" : cleanText(textOf(status), statusLengthMax);
  return { kind: type ?? "available", ...(text === "" ? {} : { text }) };
}
