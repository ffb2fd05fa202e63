/** The user's process: a client with a presence policy on a real file store, which is told what to do line by line and may be killed at any moment (Node only). @module */
import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { createClient, type PolicyRules } from "sotto";
import { fileStore } from "sotto/storage/node";

/** Where it lives. */
export interface PolicyLife {
  readonly account: string;
  readonly password: string;
  readonly service: string;
  readonly ca: string;
  readonly store: string;
}

/** What it is told, one at a time; each is answered with a line. */
export type PolicyOrder =
  | { readonly kind: "go-online" | "close" }
  | { readonly kind: "policy"; readonly rules: PolicyRules }
  | { readonly kind: "direct"; readonly to: string };

const tell = (what: string): void => { process.stdout.write(`${what}\n`); };

const { account, password, service, ca, store } = JSON.parse(process.argv[2] ?? "") as PolicyLife;
const client = await createClient({
  account, password, service, tls: { ca: readFileSync(ca, "utf8") }, store: fileStore(store), autoConnect: false,
});

const obey = async (order: PolicyOrder): Promise<void> => {
  if (order.kind === "policy") await client.presence.policy(order.rules);
  else if (order.kind === "direct") await client.presence.direct(order.to, { show: "available" });
  else if (order.kind === "close") await client.close();
  else {
    client.connect();
    await client.ready();
  }
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line) as PolicyOrder;
  tell(`begin ${order.kind}`);
  obey(order).then(() => { tell(`done ${order.kind}`); }, (error: unknown) => { tell(`failed ${order.kind} ${String(error)}`); });
});
tell("ready");
