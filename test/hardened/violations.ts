/** Collects what the realm's content security policy refuses. Imported before anything else. @module */

const seen: string[] = [];

(globalThis as unknown as EventTarget).addEventListener("securitypolicyviolation", (event) => {
  const { effectiveDirective, blockedURI, sample } = event as SecurityPolicyViolationEvent;
  seen.push(`${effectiveDirective} ${blockedURI} ${sample}`);
});

/** Told so far. Events of a violation come in a later turn than it. */
export async function violations(): Promise<readonly string[]> {
  await new Promise((resolve) => { setTimeout(resolve, 0); });
  return seen;
}
