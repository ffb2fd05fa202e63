/** Lets the page be loaded without a network: registers the service worker of the build. @module */

/** Of Trusted Types, what is used here: not every browser has them, nor does TypeScript know them. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown };
}

/** To be named in the page's Content-Security-Policy: `trusted-types chat-service-worker`. */
const policyName = "chat-service-worker";

/** Does nothing where there are no service workers, as in some private windows, and in development. To be called once. */
export function keepPage(): void {
  if (import.meta.env.MODE !== "production" || !("serviceWorker" in navigator)) return;
  const address = new URL("service-worker.js", document.baseURI).href;
  // A worker sees every request of this origin, so its address is a sink. This policy lets one address through, which is no input of anybody.
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
  const trusted = trustedTypes?.createPolicy(policyName, {
    createScriptURL: (url) => {
      if (url !== address) throw new TypeError("Only the service worker of this page may be registered.");
      return url;
    },
  }).createScriptURL(address);
  navigator.serviceWorker.register((trusted ?? address) as string, { updateViaCache: "none" }).catch(() => undefined); // the page works without it
}
