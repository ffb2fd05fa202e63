/**
 * What a send needs from the network: device lists of the recipients and the own account, bundles where a session is missing.
 * Spec: docs/protocol.md 4.3, 4.4; docs/architecture.md, What things cost; threats R01, R15, T04.
 * Touches no ratchet. An error is never an empty list: what was known before stays. Not here: deciding (seal.ts).
 * @module
 */
import { equalBytes } from "../base/bytes.js";
import { Breather } from "../base/breather.js";
import type { BareJid } from "../base/jid.js";
import { remember } from "../base/recent.js";
import { CryptoError } from "../crypto/errors.js";
import type { VerifiedBundle } from "../crypto/x3dh/bundle.js";
import type { SessionContext } from "./context.js";
import { boundContactRows } from "./contact-bounds.js";
import { acceptedReplacement, noticeKey } from "./device-keys.js";
import { loadDeviceList, rememberDeviceList } from "./device-list.js";
import type { Ledger } from "./ledger.js";
import { ListFreshness, type ListLookup } from "./list-freshness.js";
import type { BundleAnswer, RecipientPlan, SendPlan } from "./outcome.js";
import type { DeviceIdentity } from "./own-device.js";
import type { DeviceAddress, DeviceDirectory, DeviceId, DirectoryAnswer, ListedDevice, WireBundle } from "./ports.js";
import { keysOf } from "./records/device-record.js";
import { isStale, loadDevices } from "./session-records.js";
import { boundStrangersLists } from "./strangers-lists.js";
import type { Transaction } from "./transaction.js";
import type { TrustStore } from "./trust/trust-store.js";

/** Milliseconds for which a missing or bad bundle is not asked for again (docs/protocol.md 4.4). */
const bundleFailureMs = 60_000;
/** Milliseconds without an answer after which the next sends go without it, as long as they reach somebody there. */
const patienceMs = 5_000;
/** Recipients whose lists are fetched side by side. */
const fetchesAtATime = 8;
const failuresMax = 1_000;

/** What a planner is made of. */
export interface PlannerDeps {
  readonly context: SessionContext;
  readonly ledger: Ledger;
  readonly directory: DeviceDirectory;
  readonly trust: TrustStore;
  readonly own: () => DeviceIdentity;
  readonly isContact: (jid: BareJid) => boolean;
}

interface Failure {
  readonly at: number;
  readonly kind: Exclude<BundleAnswer["kind"], "bundle">;
}

/** Fetches and remembers. Its memory (freshness, failures) is of this run only. */
export class Planner {
  readonly #deps: PlannerDeps;
  readonly #fresh: ListFreshness;
  readonly #failures = new Map<string, Failure>();

  constructor(deps: PlannerDeps) {
    this.#deps = deps;
    this.#fresh = new ListFreshness(deps.context.clock);
  }

  /** Forgets what is fresh: after a reconnect nothing is. What was not answered may have been the link's fault. */
  expire(): void {
    this.#fresh.clear();
    for (const [name, { kind }] of this.#failures) if (kind === "unavailable") this.#failures.delete(name);
  }

  /**
   * A message of `device` was opened. If the list does not name that device it is looked at again before the next send, and plans made with it
   * are forgotten: the answer should reach whoever wrote. What the list then says counts, not who has written; each account causes a few such
   * looks only, from however many device ids it writes.
   */
  async noticeSender(tx: Transaction, { jid, deviceId }: DeviceAddress): Promise<void> {
    const listed = await loadDeviceList(tx, this.#deps.context, jid);
    if (listed?.some((device) => device.id === deviceId) === true || !this.#fresh.mayDoubt(jid)) return;
    tx.onUndone(() => { this.#fresh.giveBack(jid); });
    tx.afterCommit(() => { this.#fresh.drop(jid); });
    this.#deps.context.emit(tx, { kind: "devices-changed", jid });
  }

  /** A list arrived, or was fetched with `lookup`. */
  async remember(jid: BareJid, devices: readonly ListedDevice[], lookup?: ListLookup): Promise<readonly ListedDevice[]> {
    const valid = await this.#deps.ledger.run(async (tx) => {
      const remembered = await rememberDeviceList(tx, this.#deps.context, jid, devices);
      await boundStrangersLists(tx, this.#deps, jid);
      return remembered;
    });
    this.#fresh.renew(jid, lookup);
    return valid;
  }

  /** The devices of all recipients and of the own account, with bundles where they are needed. */
  async plan(recipients: readonly BareJid[], signal?: AbortSignal): Promise<SendPlan> {
    const { account } = this.#deps.context;
    const jids = [...new Set([...recipients, account])];
    const plans: RecipientPlan[] = [];
    for (let i = 0; i < jids.length; i += fetchesAtATime) {
      plans.push(...await Promise.all(jids.slice(i, i + fetchesAtATime).map((jid) => this.#planRecipient(jid, jid !== account || recipients.includes(jid), signal))));
    }
    return { recipients: plans };
  }

  /** One device, whether it is listed or not. */
  async planDevice(device: DeviceAddress, signal?: AbortSignal): Promise<SendPlan> {
    const [bundle] = await this.#bundles(device.jid, [device.deviceId], signal, false);
    return { recipients: [{ jid: device.jid, list: "known", devices: [{ id: device.deviceId, ...(bundle === undefined ? {} : { bundle }) }] }] };
  }

  /** @param wanted whether the message is for that account; our own gets copies of the others */
  async #planRecipient(jid: BareJid, wanted: boolean, signal: AbortSignal | undefined): Promise<RecipientPlan> {
    const listed = await this.#deviceList(jid, wanted, signal);
    if (listed === "hidden" || listed === "unavailable") return { jid, list: listed, devices: [] };
    const { ids, missing, enough } = await this.#sessions(jid, wanted, listed);
    const bundles = await this.#bundles(jid, missing, signal, enough);
    return {
      jid,
      list: "known",
      devices: ids.map((id) => {
        const bundle = bundles[missing.indexOf(id)];
        return bundle === undefined ? { id } : { id, bundle };
      }),
    };
  }

  async #deviceList(jid: BareJid, wanted: boolean, signal: AbortSignal | undefined): Promise<readonly ListedDevice[] | "hidden" | "unavailable"> {
    const { context, directory, ledger } = this.#deps;
    const known = (): Promise<readonly ListedDevice[] | undefined> => ledger.read((tx) => loadDeviceList(tx, context, jid));
    const fresh = this.#fresh.has(jid) ? await known() : undefined; // a stranger's may have made room for others
    if (fresh !== undefined) return fresh;
    const isLate = this.#patience(signal);
    return this.#fresh.during(jid, async (lookup) => {
      const answer = await directory.fetchDeviceList(jid, context.profile.namespace, signal);
      if (answer.kind === "found") return this.remember(jid, answer.value, lookup);
      if (answer.kind === "none") return this.remember(jid, [], lookup);
      const late = isLate();
      const last = await known();
      if (late && last !== undefined && (await this.#sessions(jid, wanted, last)).enough) this.#fresh.renew(jid, lookup, bundleFailureMs);
      return last ?? (answer.kind === "unavailable" && !answer.retryable ? "hidden" : "unavailable");
    });
  }

  /** The ids in a list but our own; for which of them a bundle is missing; whether the message reaches whom it must without these. */
  async #sessions(
    jid: BareJid, wanted: boolean, listed: readonly ListedDevice[],
  ): Promise<{ readonly ids: readonly DeviceId[]; readonly missing: readonly DeviceId[]; readonly enough: boolean }> {
    const { context, ledger, own, trust } = this.#deps;
    const self = own().address;
    const ids = listed.map((device) => device.id).filter((id) => jid !== self.jid || id !== self.deviceId);
    return ledger.read(async (tx) => {
      const addresses = ids.map((deviceId) => ({ jid, deviceId }));
      const devices = await loadDevices(tx, context, addresses);
      await trust.readAhead(tx, devices.flatMap((device) => keysOf(device).map((key) => [jid, key] as const)));
      const missing: DeviceId[] = [];
      let enough = !wanted;
      for (const [i, address] of addresses.entries()) {
        const device = devices[i];
        const replaced = await acceptedReplacement(tx, this.#deps, address, device);
        const state = device?.current === undefined || replaced !== undefined ? undefined : await trust.stateOf(tx, jid, device.identityKey);
        if (device === undefined || state === undefined || isStale(context, device)) missing.push(address.deviceId);
        if (state !== undefined) enough ||= trust.mayReceive(state); // on a stale session too, where there is no bundle
      }
      return { ids, missing, enough };
    });
  }

  /** One answer per device, in order. Devices that failed a moment ago are not asked again; nor those without an answer, if the others are `enough`. */
  async #bundles(jid: BareJid, ids: readonly DeviceId[], signal: AbortSignal | undefined, enough: boolean): Promise<readonly BundleAnswer[]> {
    const { context, directory } = this.#deps;
    const asked = ids.filter((id) => {
      const failure = this.#recentFailure(jid, id);
      return failure === undefined || (failure.kind === "unavailable" && !enough);
    });
    const isLate = this.#patience(signal);
    const answers = asked.length === 0 ? [] : await directory.fetchBundles(jid, asked, context.profile.namespace, signal);
    const late = isLate();
    const checked = new Map<DeviceId, BundleAnswer>();
    const breather = new Breather(context.clock);
    for (const [i, id] of asked.entries()) {
      checked.set(id, await this.#check(answers[i]));
      await breather.pause();
    }
    await this.#noticeKeys(jid, checked);
    return ids.map((id) => {
      const answer = checked.get(id) ?? { kind: this.#recentFailure(jid, id)?.kind ?? "unavailable" };
      if (checked.has(id) && answer.kind !== "bundle" && (answer.kind !== "unavailable" || late)) this.#noteFailure(jid, id, answer.kind);
      return answer;
    });
  }

  /** So that the user can compare fingerprints before the first message (threats T08). */
  async #noticeKeys(jid: BareJid, answers: ReadonlyMap<DeviceId, BundleAnswer>): Promise<void> {
    const { ledger, context } = this.#deps;
    const found = [...answers].flatMap(([deviceId, answer]) => (answer.kind === "bundle" ? [{ address: { jid, deviceId }, key: answer.bundle.identity }] : []));
    if (found.length === 0) return;
    await ledger.run(async (tx) => {
      const devices = await loadDevices(tx, context, found.map(({ address }) => address));
      await this.#deps.trust.readAhead(tx, found.flatMap(({ key }) => [[jid, key], [context.account, key]]));
      for (const [i, { address, key }] of found.entries()) {
        if (!(await this.#deps.trust.isOwnElsewhere(tx, jid, key))) await noticeKey(tx, this.#deps, address, devices[i], key);
      }
      const isNews = found.some(({ key }, i) => devices[i] === undefined || !equalBytes(devices[i].identityKey, key));
      if (isNews) await boundContactRows(tx, context, jid, new Set(found.map(({ address }) => address.deviceId)));
    });
  }

  async #check(answer: DirectoryAnswer<WireBundle> | undefined): Promise<BundleAnswer> {
    if (answer === undefined || answer.kind === "unavailable") return { kind: "unavailable" };
    if (answer.kind === "none") return { kind: "no-bundle" };
    const bundle = answer.kind === "found" ? await verified(this.#deps.context, answer.value) : undefined;
    // Somebody who publishes our identity as theirs would get a session of ours with ourselves (threats R15).
    if (bundle === undefined || equalBytes(bundle.identityCurve, this.#deps.own().identity.curvePublicKey)) return { kind: "bad-bundle" };
    return { kind: "bundle", bundle };
  }

  /** Says, when an answer is there, whether it was waited for in vain; not if the stream has ended under it: the next one asks again. */
  #patience(signal: AbortSignal | undefined): () => boolean {
    const { clock } = this.#deps.context;
    const since = clock.monotonic();
    return () => clock.monotonic() - since >= patienceMs && signal?.aborted !== true;
  }

  #recentFailure(jid: BareJid, id: DeviceId): Failure | undefined {
    const failure = this.#failures.get(`${id} ${jid}`);
    return failure !== undefined && this.#deps.context.clock.monotonic() - failure.at < bundleFailureMs ? failure : undefined;
  }

  #noteFailure(jid: BareJid, id: DeviceId, kind: Failure["kind"]): void {
    remember(this.#failures, `${id} ${jid}`, { at: this.#deps.context.clock.monotonic(), kind }, failuresMax);
  }
}

/** `undefined` if the bundle may not be used: no session, and no fallback (threats R01). */
async function verified(context: SessionContext, bundle: WireBundle): Promise<VerifiedBundle | undefined> {
  try {
    return await context.profile.verifyBundle(context.provider, bundle);
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}
