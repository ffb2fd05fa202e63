/** What we use of the untyped packages of @xmpp. Not emitted: no type of them may stand in an exported signature. */
declare module "@xmpp/client-core" {
  /** The part of an ltx element that Client touches when it writes a stream header. */
  interface HeaderElement {
    attrs: Record<string, string | undefined>;
  }
  /** Carries what differs between kinds of sockets; Client reads its prototype only. */
  interface TransportClass {
    readonly prototype: {
      readonly Socket: new () => object;
      readonly Parser: new () => object;
      socketParameters(service: string): unknown;
      headerElement(): HeaderElement;
      header(element: HeaderElement): string;
    };
  }
  export class Client {
    constructor(options: { readonly domain: string; readonly service: string });
    timeout: number;
    transports: TransportClass[];
    connect(service: string): Promise<unknown>;
    restart(): Promise<unknown>;
    write(text: string): Promise<void>;
    on(event: string, listener: (...values: never[]) => void): this;
    emit(event: string, ...values: unknown[]): boolean;
    _onData(data: unknown): void;
    _onElement(element: unknown): void;
    _attachParser(parser: unknown): void;
    _detachParser(): void;
  }
}

declare module "@xmpp/events" {
  export class EventEmitter {
    emit(event: string, ...values: unknown[]): boolean;
  }
}
