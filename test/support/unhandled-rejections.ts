/** Rejections that nobody handles, in Node and in Chromium. @module */
import { onTestFinished } from "vitest";

interface Page {
  addEventListener(type: "unhandledrejection", listener: (event: PromiseRejectionEvent) => void): void;
  removeEventListener(type: "unhandledrejection", listener: (event: PromiseRejectionEvent) => void): void;
}
interface PromiseRejectionEvent extends Event { readonly reason: unknown }

/** Collects them until the test is over. */
export function unhandledRejections(): readonly unknown[] {
  const found: unknown[] = [];
  if (typeof process === "object") {
    const note = (reason: unknown): void => { found.push(reason); };
    process.on("unhandledRejection", note);
    onTestFinished(() => { process.off("unhandledRejection", note); });
  } else {
    const page = globalThis as unknown as Page;
    const note = (event: PromiseRejectionEvent): void => { found.push(event.reason); };
    page.addEventListener("unhandledrejection", note);
    onTestFinished(() => { page.removeEventListener("unhandledrejection", note); });
  }
  return found;
}
