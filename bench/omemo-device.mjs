/** A device with its own store on disk, whose directory is a Map: encryption without a network. @module */
import path from "node:path";

import { systemClock } from "../dist/base/clock.js";
import { systemRng } from "../dist/base/rng.js";
import { nodeProvider } from "../dist/crypto/node-provider.js";
import { Ledger } from "../dist/session/ledger.js";
import { Omemo } from "../dist/session/omemo.js";
import { blindTrustBeforeVerification } from "../dist/session/trust/blind-trust.js";
import { fileStore } from "../dist/storage-node.js";
import { sceEnvelopeCodec } from "../dist/transport/xep/xep0420.js";

/** Lists and bundles of all, by account, and by account and device. */
export class Directory {
  /** @param {ReadonlyMap<string, any>} published */
  constructor(published = new Map()) {
    this.published = new Map(published);
  }

  /** @param {string} account @returns {import("../dist/session/ports.js").DeviceDirectory} */
  of(account) {
    /** @param {any} value */
    const answer = (value) => (value === undefined ? { kind: /** @type {const} */ ("none") } : { kind: /** @type {const} */ ("found"), value });
    return {
      fetchDeviceList: async (jid) => answer(this.published.get(jid)),
      fetchBundles: async (jid, ids) => ids.map((id) => answer(this.published.get(`${jid} ${id}`))),
      publishDeviceList: async (devices) => { this.published.set(account, devices); },
      publishBundle: async (device, bundle) => { this.published.set(`${account} ${device}`, bundle); },
    };
  }
}

/** @param {string} dir @param {Directory} directory @param {import("../dist/index.js").BareJid} account */
export async function openDevice(dir, directory, account) {
  const store = fileStore(path.join(dir, account));
  const ledger = new Ledger(store, await store.acquire());
  const omemo = await Omemo.open({
    account, ledger, directory: directory.of(account), codec: sceEnvelopeCodec, provider: nodeProvider, rng: systemRng(), clock: systemClock, trust: blindTrustBeforeVerification,
  });
  await omemo.announce();
  return { store, ledger, omemo };
}
