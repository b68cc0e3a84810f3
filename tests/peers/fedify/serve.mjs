// A Fedify server on loopback TLS with one actor, who follows the actor it is told. Everything that happens is a line
// of JSON on stdout:
//
//   {"sent": "POST", "url": …, "scheme": "rfc9421" | "draft-cavage" | null, "status": 401}   what it asked others
//   {"received": "Accept", "actor": …, "object": …, "content": …}                            what it verified
//   {"refused": 401, "path": …}                                                            and what it did not
//
//   NODE_EXTRA_CA_CERTS=ca.pem node serve.mjs '{"host": …, "address": …, "port": …, "chain": …, "private": …,
//                                              "names": {"fund.test": "127.0.0.8"}, "follow": "https://fund.test/…"}'
//
// Runs where tests/peers/setup.sh has put its modules.
import dns from "node:dns";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { isIP } from "node:net";

import { createFederation, generateCryptoKeyPair, MemoryKvStore } from "@fedify/fedify";
import { Accept, Create, Delete, Follow, Person, Update } from "@fedify/vocab";

const what = JSON.parse(process.argv[2]);
const origin = `https://${what.host}:${what.port}`;
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// Names of the test lead to loopback; every other name is unknown.
dns.lookup = (name, options, callback) => {
  const [given, done] = typeof options === "function" ? [{}, options] : [options, callback];
  const address = isIP(name) ? name : what.names[name];
  if (address === undefined) return done(Object.assign(new Error(`${name} is unknown`), { code: "ENOTFOUND" }));
  return given.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4);
};

const systemFetch = globalThis.fetch;
globalThis.fetch = async (resource, init) => {
  const request = new Request(resource, init);
  const scheme = request.headers.has("signature-input") ? "rfc9421" : "draft-cavage";
  const line = { sent: request.method, url: request.url, scheme: request.headers.has("signature") ? scheme : null };
  const answer = await systemFetch(request);
  say({ ...line, status: answer.status });
  return answer;
};

const federation = createFederation({ kv: new MemoryKvStore(), origin, allowPrivateAddress: true });
const pairs = [await generateCryptoKeyPair("RSASSA-PKCS1-v1_5"), await generateCryptoKeyPair("Ed25519")];

federation
  .setActorDispatcher("/users/{identifier}", async (context, identifier) => {
    if (identifier !== "bob") return null;
    const keys = await context.getActorKeyPairs(identifier);
    return new Person({
      id: context.getActorUri(identifier),
      preferredUsername: identifier,
      inbox: context.getInboxUri(identifier),
      publicKey: keys[0].cryptographicKey,
      assertionMethods: keys.map((key) => key.multikey),
    });
  })
  .setKeyPairsDispatcher(() => pairs);

const heard = (kind) => async (_context, activity) => {
  const object = kind === Create || kind === Update ? await activity.getObject() : null;
  say({
    received: kind.name,
    id: activity.id.href,
    actor: activity.actorId.href,
    object: activity.objectId?.href,
    kind: object?.constructor.name,
    content: object?.content?.toString(),
    summary: object?.summary?.toString(),
  });
};
const listeners = federation.setInboxListeners("/users/{identifier}/inbox", "/inbox");
for (const kind of [Accept, Create, Update, Delete]) listeners.on(kind, heard(kind));
listeners.onError((_context, error) => say({ error: String(error) }));

const tls = { cert: readFileSync(what.chain), key: readFileSync(what.private), ALPNProtocols: ["http/1.1"] };
const server = createServer(tls, async (incoming, outgoing) => {
  const chunks = await Array.fromAsync(incoming);
  const request = new Request(new URL(incoming.url, origin), {
    method: incoming.method,
    headers: Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    body: chunks.length > 0 ? Buffer.concat(chunks) : undefined,
  });
  const answer = await federation.fetch(request, { contextData: undefined });
  if (incoming.method === "POST" && answer.status >= 400) say({ refused: answer.status, path: incoming.url });
  outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
  outgoing.end(Buffer.from(await answer.arrayBuffer()));
});

server.listen(what.port, what.address, async () => {
  const context = federation.createContext(new URL(origin), undefined);
  const followed = await context.lookupObject(what.follow);
  say({ found: followed?.id?.href, kind: followed?.constructor.name, name: followed?.preferredUsername });
  const follow = new Follow({
    id: new URL("/follows/1", origin),
    actor: context.getActorUri("bob"),
    object: followed.id,
  });
  await context.sendActivity({ identifier: "bob" }, followed, follow);
});
