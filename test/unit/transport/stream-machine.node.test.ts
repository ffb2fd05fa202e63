/** The port beneath the chassis, both implementations, over a link that does what a network does rarely: threats N15, N19, P15. */
import { describe, expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import type { Link, LinkHandlers } from "../../../src/transport/connection/sockets.js";
import type { ParserPort, StreamMachine } from "../../../src/transport/connection/stream-machine.js";
import { TransportError } from "../../../src/transport/errors.js";
import { streamMachines } from "../../support/stream-machines.js";

const header = xml("http://etherx.jabber.org/streams", "stream");
const broken = new TransportError("ERR_CONNECT_FAILED", "the link broke");

class FakeLink implements Link {
  readonly secure = false;
  readonly written: string[] = [];
  destroyed = 0;
  onWrite: () => Promise<void> = () => Promise.resolve();
  write = (text: string): Promise<void> => { this.written.push(text); return this.onWrite(); };
  end = (): void => undefined;
  destroy = (): void => { this.destroyed++; };
}

describe.each(streamMachines)("the stream machine: $machine", ({ create }) => {
  function set(openLink?: (handlers: LinkHandlers) => Promise<Link>) {
    const link = new FakeLink();
    const ports: ParserPort[] = [];
    const elements: XmlElement[] = [];
    const data: unknown[] = [];
    const ends: unknown[] = [];
    let handlers: LinkHandlers | undefined;
    const machine: StreamMachine = create({ domain: "example.org", header: () => "<open/>", openLink: (given) => { handlers = given; return openLink?.(given) ?? Promise.resolve(link); } }, {
      parserWanted: (port) => { ports.push(port); },
      data: (piece) => { data.push(piece); },
      element: (element) => { elements.push(element); },
      disconnected: (reason) => { ends.push(reason); },
    });
    return { machine, link, ports, elements, data, ends, remote: () => handlers as LinkHandlers };
  }

  test("connects, opens, hears the latest parser only, and reports the end of the link once", async () => {
    const { machine, link, ports, elements, data, ends, remote } = set();
    expect(machine.link).toBeUndefined();
    await machine.connect();
    expect(machine.link).toBe(link);
    const first = machine.open();
    await expect.poll(() => link.written).toEqual(["<open/>"]);
    ports[0]?.opened(header);
    expect(await first).toBe(header);
    ports[0]?.element(xml("u", "one"));
    const second = machine.open();
    await expect.poll(() => ports.length).toBe(2);
    ports[0]?.element(xml("u", "old"));
    ports[1]?.opened(header);
    await second;
    ports[1]?.element(xml("u", "two"));
    remote().data("text");
    expect([elements.map(({ name }) => name), data]).toEqual([["one", "two"], ["text"]]);
    remote().closed(broken);
    remote().closed(undefined);
    expect([machine.link, ends]).toEqual([undefined, [broken]]);
    await expect(machine.write("late")).rejects.toBeDefined();
  });

  test("an answer that comes before the write of the header is reported is not missed", async () => {
    const { machine, link, ports } = set();
    await machine.connect();
    link.onWrite = () => { ports[0]?.opened(header); return new Promise((resolve) => { setTimeout(resolve, 5); }); };
    expect(await machine.open()).toBe(header);
  });

  test("a link that cannot be opened, and a header that cannot be written, reject", async () => {
    await expect(set(() => Promise.reject(broken)).machine.connect()).rejects.toBe(broken);
    const { machine, link } = set();
    await machine.connect();
    link.onWrite = () => Promise.reject(broken);
    await expect(machine.open()).rejects.toBe(broken);
  });

  test("N19 a link that is gone before it is there is none: the attempt fails, and nothing is left of it", async () => {
    const link = new FakeLink();
    const { machine, ends } = set(async (handlers) => {
      await Promise.resolve();
      handlers.closed(broken);
      return link;
    });
    await expect(machine.connect()).rejects.toBeDefined();
    expect([link.destroyed, machine.link, ends]).toEqual([1, undefined, [broken]]);
  });

  test("N19 abandoned: a link that comes later is destroyed, and no wait is left", async () => {
    const link = new FakeLink();
    let arrive: (link: Link) => void = () => undefined;
    const late = set(() => new Promise((resolve) => { arrive = resolve; }));
    const connecting = late.machine.connect();
    late.machine.abandon();
    arrive(link);
    await expect(connecting).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
    await expect.poll(() => [link.destroyed, late.machine.link]).toEqual([1, undefined]);

    const opening = set();
    await opening.machine.connect();
    const opened = opening.machine.open();
    await expect.poll(() => opening.ports.length).toBe(1);
    await Promise.resolve();
    opening.machine.abandon();
    await expect(opened).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
  });

  test("N15 abandoned: no parser is heard, and the link stays to say goodbye", async () => {
    const { machine, link, ports, elements, ends, remote } = set();
    await machine.connect();
    const opened = machine.open();
    await expect.poll(() => ports.length).toBe(1);
    ports[0]?.opened(header);
    await opened;
    machine.abandon();
    ports[0]?.element(xml("u", "late"));
    expect([elements, machine.link, link.destroyed]).toEqual([[], link, 0]);
    remote().closed(undefined);
    expect([machine.link, ends]).toEqual([undefined, [undefined]]);
  });
});
