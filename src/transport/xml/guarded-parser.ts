/**
 * saxes with the guard in front of it and the builder behind: its first error ends the parse, with a refusal.
 * Spec: XML 1.0, Namespaces in XML 1.0. Threats P01-P03, P06-P08.
 * Not here: limits on shape (the builders), bytes, what a stream is (parser.ts).
 * @module
 */
import { SaxesParser, type SaxesTagNS } from "saxes";
import type { Tokens, TreeBuilder } from "./element-builder.js";
import { MarkupGuard } from "./markup-guard.js";
import { XmlRefusal } from "./refusal.js";

/** One saxes parser with the guard in front of it. Throws {@link XmlRefusal}; errors of saxes become one. */
export class GuardedParser {
  readonly #saxes: Tokens;
  readonly #guard = new MarkupGuard();
  #fed = 0;
  /** Where the last tag or text was complete. */
  #completeTo = 0;
  // saxes reports an end tag before it compares its name: what it completes waits until saxes has read on.
  #deferred: { readonly action: () => void; readonly at: number } | undefined;

  constructor(builder: TreeBuilder) {
    const saxes: Tokens = new SaxesParser({ xmlns: true, position: false });
    saxes.on("error", () => {
      if (builder.forgives?.() === true) return;
      if (this.#deferred !== undefined && saxes.position > this.#deferred.at) this.#flush();
      throw new XmlRefusal("not-well-formed");
    });
    saxes.on("xmldecl", (declaration) => {
      if (declaration.version !== "1.0") throw new XmlRefusal("not-well-formed");
      if (declaration.encoding !== undefined && declaration.encoding.toLowerCase() !== "utf-8") throw new XmlRefusal("unsupported-encoding");
    });
    const inOrder = <E>(handle: (event: E) => void) => (event: E): void => {
      this.#flush();
      this.#completeTo = saxes.position;
      handle(event);
    };
    saxes.on("opentagstart", inOrder((tag) => { builder.tagStart(tag); }));
    saxes.on("attribute", (attribute) => { builder.attribute(attribute); });
    saxes.on("opentag", (tag) => { builder.tagOpen(tag); });
    saxes.on("text", inOrder((text: string) => { builder.text(text); }));
    saxes.on("cdata", inOrder((text: string) => { builder.cdata(text); }));
    saxes.on("closetag", inOrder((tag: SaxesTagNS) => { builder.tagClose(tag); }));
    builder.attach?.(saxes);
    this.#saxes = saxes;
  }

  /** Characters of the text or tag that is not complete: saxes holds them. Asked between pieces. */
  get held(): number {
    return this.#fed - this.#completeTo;
  }

  /** Characters consumed of all that was fed; asked from within callbacks. */
  get position(): number {
    return this.#saxes.position;
  }

  /** Characters consumed of the piece that is being fed; asked from within callbacks. */
  get consumed(): number {
    return this.#saxes.position - this.#fed;
  }

  /** Runs `action` as soon as the end tag that is being reported has proven right. */
  defer(action: () => void): void {
    this.#deferred = { action, at: this.#saxes.position };
  }

  /** Reads on. */
  feed(piece: string): void {
    const offence = this.#guard.scan(piece);
    // What stands before the offence still counts, so that the result does not depend on how the input was cut.
    this.#saxes.write(offence === undefined ? piece : piece.slice(0, offence.index));
    this.#flush();
    if (offence !== undefined) throw new XmlRefusal(offence.problem);
    this.#fed += piece.length;
  }

  /** Nothing comes any more. */
  end(): void {
    this.#saxes.close();
  }

  #flush(): void {
    const deferred = this.#deferred;
    this.#deferred = undefined;
    deferred?.action();
  }
}
