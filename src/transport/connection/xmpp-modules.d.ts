/** What we use of the untyped chassis. Not emitted: no type of it may stand in an exported signature. */
declare module "@xmpp/client-core" {
  /** The part of an ltx element that the chassis touches when it writes a stream header. */
  interface HeaderElement {
    attrs: Record<string, string | undefined>;
  }
  /** Carries what differs between kinds of sockets; the chassis reads its prototype only. */
  interface TransportClass {
    readonly prototype: {
      readonly Socket: new () => object;
      readonly Parser: new () => object;
      socketParameters(service: string): unknown;
      headerElement(): HeaderElement;
      header(element: HeaderElement): string;
      footerElement(): undefined;
      footer(): string;
    };
  }
  export class Client {
    constructor(options: { readonly domain: string; readonly service: string; readonly lang?: string });
    status: string;
    timeout: number;
    transports: TransportClass[];
    socket: unknown;
    parser: unknown;
    connect(service: string): Promise<unknown>;
    open(options: { readonly domain: string; readonly lang?: string | undefined }): Promise<unknown>;
    restart(): Promise<unknown>;
    write(text: string): Promise<void>;
    footer(element: undefined): string;
    on(event: string, listener: (...values: never[]) => void): this;
    emit(event: string, ...values: unknown[]): boolean;
    removeAllListeners(): this;
    _onData(data: unknown): void;
    _onElement(element: unknown): void;
    _onStreamError(element: unknown): void;
    _onSeeOtherHost(error: unknown): Promise<void>;
    _attachParser(parser: unknown): void;
    _detachParser(): void;
    _detachSocket(): void;
    _status(status: string, ...values: unknown[]): void;
    disconnect(): Promise<unknown>;
  }
}

declare module "@xmpp/events" {
  export class EventEmitter {
    on(event: string, listener: (...values: never[]) => void): this;
    emit(event: string, ...values: unknown[]): boolean;
  }
}
