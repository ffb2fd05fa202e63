/** A TCP road to a server that can be cut: what is under way on it breaks off, and nobody gets through until it is mended. @module */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** One road. */
export class Road {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #open = true;

  private constructor(server: Server, to: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (near) => {
      if (!this.#open) {
        near.destroy();
        return;
      }
      const far = connect(to, "127.0.0.1");
      for (const [socket, other] of [[near, far], [far, near]] as const) {
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        socket.on("error", () => { other.destroy(); });
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
  }

  /** A road to this port of loopback. */
  static async to(port: number): Promise<Road> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Road(server, port);
  }

  cut(): void {
    this.#open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#open = true;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
