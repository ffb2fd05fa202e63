/**
 * Personal eventing: reading nodes of anybody, and publishing to own nodes with a configuration that is known to hold.
 * Spec: XEP-0163, XEP-0060 #publisher-publish-options, #owner-create-and-configure, #owner-configure.
 * Servers differ in which options they accept where, so publishing is a ladder; it ends after a fixed number of
 * requests and never loops (threats T17).
 * Not here: what is published (omemo-directory.ts), who may notify whom (ditto), configurations as data (pep-model.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { KeyedMutex } from "../../base/keyed-mutex.js";
import type { XmlElement } from "../../base/xml.js";
import type { DirectoryAnswer } from "../../session/ports.js";
import { TransportError } from "../errors.js";
import { isPassing } from "../stream/stanza-error.js";
import { given } from "../xep/fields.js";
import type { FormFields } from "../xep/xep0004.js";
import {
  configurationRequest, configureRequest, createRequest, decodeConfiguration, decodeItems, itemsRequest, publishRequest,
  type NodeFields, type PubsubItem,
} from "../xep/xep0060.js";
import type { IqRequester } from "./iq-requester.js";
import { baseFields, configurations, fieldOf, isTightest, nameOf, type NodePolicy, satisfies, tighterModel } from "./pep-model.js";
import { type ConfigurationRefusal, configurationRefusal, isNodeMissing, isStanzaError } from "./pep-errors.js";

export type { NodePolicy } from "./pep-model.js";

/** One item for an own node. */
export interface Publication {
  readonly node: string;
  readonly id: string;
  readonly payload: XmlElement;
  readonly policy: NodePolicy;
  readonly signal?: AbortSignal;
}

/** Whether the server was seen to have configured the node as the policy says. The item is published in both cases. */
export type PublishReport = { readonly configuration: "confirmed" | "unconfirmed" };

type PublishOutcome = "published" | ConfigurationRefusal;

/** Publications without a wish: a server may be stuck for a moment with creating nodes for many accounts at once (pep-errors.ts). */
const bareAttempts = 5;

/** PEP of one account over one stream. */
export class Pep {
  readonly #iq: IqRequester;
  /** What each node was last seen to be. */
  readonly #confirmed = new Map<string, string>();
  readonly #turns = new KeyedMutex<string>();

  constructor(iq: IqRequester) {
    this.#iq = iq;
  }

  /**
   * Reads items of `owner`'s node: some by id, or the newest few; the answer must fit into one stanza.
   * item-not-found and an empty node are `none`. Any other refusal is `unavailable`: some servers say `forbidden` for a
   * node that does not exist, and an error must never look like an empty list.
   */
  async items(question: {
    readonly owner: BareJid; readonly node: string;
    readonly wanted: { readonly ids: readonly string[] } | { readonly maxItems: number };
    readonly signal?: AbortSignal | undefined;
  }): Promise<DirectoryAnswer<readonly PubsubItem[]>> {
    try {
      const answer = await this.#ask("get", itemsRequest(question.node, question.wanted), question.signal, question.owner);
      const items = decodeItems(answer, question.node);
      if (items === undefined) return { kind: "malformed" };
      return items.length === 0 ? { kind: "none" } : { kind: "found", value: items };
    } catch (error) {
      if (!(error instanceof TransportError)) throw error; // the caller gave up
      if (isStanzaError(error) && error.details["condition"] === "item-not-found") return { kind: "none" };
      return { kind: "unavailable", retryable: isPassing(error) };
    }
  }

  /**
   * Publishes an item: with publish-options; if the server refuses those, with a node that was created or configured
   * for it; at last without any, which the report says.
   * @throws TransportError `ERR_PUBLISH_FAILED` if the server does not take the item at all, or the error of the link.
   */
  async publish(publication: Publication): Promise<PublishReport> {
    const { node, policy, signal } = publication;
    const first = await this.#publishWithOptions(publication);
    if (first !== "published") {
      await this.#establish(node, policy, first === "mismatch" ? "exists" : "unknown", signal);
      const second = await this.#tryPublish(publication, baseFields(policy));
      if (second !== "published") await this.#publishBare(publication);
    }
    if (first === "mismatch") this.#confirmed.delete(node); // somebody else changed the node
    return { configuration: (await this.#confirm(node, policy, signal)) ? "confirmed" : "unconfirmed" };
  }

  /**
   * Publishes an item that nobody else may read than the policy says: only after the server has shown the node to be so, and with
   * options that make it refuse the item should that have changed since (threats F08). Publications to one node go one after the other: what is
   * for a few must not come into it while it is being opened for more.
   * @throws TransportError `ERR_PUBLISH_FAILED` if that cannot be had, and then nothing is published that anybody else could read; or the error of the link.
   */
  publishStrictly(publication: Publication): Promise<void> {
    return this.#turns.run(publication.node, () => this.#publishInTurn(publication));
  }

  async #publishInTurn(publication: Publication): Promise<void> {
    const { node, policy, signal } = publication;
    for (const last of [false, true]) {
      let outcome = await this.#cover(publication);
      if (outcome === "published") {
        if (!(await this.#close(node, policy, signal))) break;
        outcome = await this.#tryPublish(publication, baseFields(policy)); // also after the first time: now others are told
        if (outcome === "published") return;
      }
      if (outcome !== "mismatch" || last) break;
      this.#confirmed.delete(node); // somebody else changed the node
    }
    throw new TransportError("ERR_PUBLISH_FAILED", "the server does not confirm who can read the node");
  }

  /**
   * Whoever a looser model lets in reads what lies in the node already: so the new item takes its place before, under the model as it is.
   * `published`: nothing is in the way of the new model.
   */
  async #cover(publication: Publication): Promise<PublishOutcome> {
    const { node, policy, signal } = publication;
    if (this.#confirmed.get(node) === nameOf(policy) || isTightest(policy)) return "published";
    const form = await this.#configuration(node, signal);
    const present = form === undefined ? undefined : tighterModel(form, policy);
    if (form === undefined || present === undefined) return "published";
    // Where several items have room, the new one would only lie beside the others.
    const hasRoom = policy.items === "one" && (fieldOf(form, "max_items") ?? "1") !== "1";
    if (hasRoom && (await this.#tryConfigure(configureRequest(node, { max_items: "1" }), signal)) !== "done") return "values";
    return this.#tryPublish(publication, { access_model: present });
  }

  async #close(node: string, policy: NodePolicy, signal: AbortSignal | undefined): Promise<boolean> {
    if (await this.#confirm(node, policy, signal)) return true;
    await this.#establish(node, policy, "unknown", signal);
    return this.#confirm(node, policy, signal);
  }

  async #publishWithOptions(publication: Publication): Promise<"published" | "mismatch" | "refused"> {
    for (const options of configurations(publication.policy)) {
      const outcome = await this.#tryPublish(publication, options);
      if (outcome === "published" || outcome === "mismatch") return outcome;
      if (outcome === "fields") return "refused"; // no other value will help
    }
    return "refused";
  }

  async #tryPublish(publication: Omit<Publication, "policy">, options: NodeFields): Promise<PublishOutcome> {
    try {
      await this.#ask("set", publishRequest({ ...publication, options }), publication.signal);
      return "published";
    } catch (error) {
      const refusal = configurationRefusal(error);
      if (refusal === undefined) throw publishFailed(error);
      return refusal;
    }
  }

  async #publishBare({ node, id, payload, signal }: Publication): Promise<void> {
    for (let left = bareAttempts; ; left--) {
      try {
        await this.#ask("set", publishRequest({ node, id, payload }), signal);
        return;
      } catch (error) {
        if (left === 1 || !isNodeMissing(error)) throw publishFailed(error);
      }
    }
  }

  /** Makes the node be as the policy says, as far as the server lets us. What became of it is seen by {@link #confirm}. */
  async #establish(node: string, policy: NodePolicy, existence: "exists" | "unknown", signal: AbortSignal | undefined): Promise<void> {
    if (existence === "unknown") {
      for (const fields of configurations(policy)) {
        const outcome = await this.#tryConfigure(createRequest(node, fields), signal);
        if (outcome === "done") return;
        if (outcome === "stop") break; // most likely it exists
      }
    }
    await this.#reconfigure(node, policy, signal);
  }

  async #reconfigure(node: string, policy: NodePolicy, signal: AbortSignal | undefined): Promise<void> {
    const form = await this.#configuration(node, signal);
    if (form === undefined || satisfies(form, policy)) return;
    for (const fields of configurations(policy)) {
      const offered = Object.fromEntries(Object.entries(fields).filter(([name]) => form.has(`pubsub#${name}`)));
      if ((await this.#tryConfigure(configureRequest(node, offered), signal)) !== "values") return;
    }
  }

  async #tryConfigure(request: XmlElement, signal: AbortSignal | undefined): Promise<"done" | "values" | "stop"> {
    try {
      await this.#ask("set", request, signal);
      return "done";
    } catch (error) {
      if (!isStanzaError(error)) throw error;
      return configurationRefusal(error) === "values" ? "values" : "stop";
    }
  }

  /** Reads the configuration back, repairs it once, and reads it again. Later publications to the node trust the result. */
  async #confirm(node: string, policy: NodePolicy, signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#confirmed.get(node) === nameOf(policy)) return true;
    let form = await this.#configuration(node, signal);
    if (form !== undefined && !satisfies(form, policy)) {
      await this.#reconfigure(node, policy, signal);
      form = await this.#configuration(node, signal);
    }
    const isRight = form !== undefined && satisfies(form, policy);
    if (isRight) this.#confirmed.set(node, nameOf(policy));
    else this.#confirmed.delete(node);
    return isRight;
  }

  async #configuration(node: string, signal: AbortSignal | undefined): Promise<FormFields | undefined> {
    try {
      return decodeConfiguration(await this.#ask("get", configurationRequest(node), signal));
    } catch (error) {
      if (!isStanzaError(error)) throw error;
      return undefined; // the server does not show it: nothing is confirmed
    }
  }

  #ask(type: "get" | "set", payload: XmlElement, signal: AbortSignal | undefined, to?: BareJid): Promise<XmlElement | undefined> {
    return this.#iq.request({ type, payload, ...given({ to, signal }) });
  }
}

function publishFailed(error: unknown): unknown {
  if (!isStanzaError(error)) return error;
  return new TransportError("ERR_PUBLISH_FAILED", "the server did not accept a published item", {
    retryable: isPassing(error) || isNodeMissing(error), details: error.details, cause: error,
  });
}
