"""An OMEMO client on other people's code: python-omemo and python-twomemo for the encryption, slixmpp for the stream.

It is driven by JSON lines on standard input and answers with JSON lines on standard output, one for each command:

    {"id": 1, "do": "connect", "jid": "...", "password": "...", "host": "127.0.0.1", "port": 5222, "ca": "ca.crt"}
    {"id": 2, "do": "send", "to": "...", "text": "..."}
    {"id": 3, "do": "receive", "count": 1, "timeout": 20}
    {"id": 4, "do": "report"}
    {"id": 5, "do": "disconnect"}

Every answer has "id" and "ok"; when "ok" is false, "error" says why. Every device is trusted. Keys live in memory only.
SCE envelopes (XEP-0420) are made and checked here: python-omemo leaves them to the application.
"""

import asyncio
import json
import secrets
import sys
import xml.etree.ElementTree as ET
from datetime import datetime, timezone

import omemo
import slixmpp
import twomemo
import twomemo.etree
from omemo.storage import Just, Nothing, Storage
from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher import MatchXPath

OMEMO = twomemo.twomemo.NAMESPACE
DEVICES_NODE = f"{OMEMO}:devices"
BUNDLES_NODE = f"{OMEMO}:bundles"
PUBSUB = "http://jabber.org/protocol/pubsub"
CLIENT = "jabber:client"
SCE = "urn:xmpp:sce:1"
FORM = "jabber:x:data"


def tag(namespace, name):
    return f"{{{namespace}}}{name}"


def child(parent, namespace, name, attributes=None, text=None):
    element = ET.SubElement(parent, tag(namespace, name), attributes or {})
    element.text = text
    return element


class MemoryStorage(Storage):
    def __init__(self):
        super().__init__(disable_cache=True)
        self._rows = {}

    async def _load(self, key):
        return Just(self._rows[key]) if key in self._rows else Nothing()

    async def _store(self, key, value):
        self._rows[key] = value

    async def _delete(self, key):
        self._rows.pop(key, None)


class Pep:
    """Reads and publishes PEP items over one stream."""

    def __init__(self, stream):
        self._stream = stream

    async def publish(self, node, item_id, payload, options):
        pubsub = ET.Element(tag(PUBSUB, "pubsub"))
        child(child(pubsub, PUBSUB, "publish", {"node": node}), PUBSUB, "item", {"id": item_id}).append(payload)
        form = child(child(pubsub, PUBSUB, "publish-options"), FORM, "x", {"type": "submit"})
        for name, value in {"FORM_TYPE": f"{PUBSUB}#publish-options", **options}.items():
            child(child(form, FORM, "field", {"var": name}), FORM, "value", text=value)
        await self._ask("set", None, pubsub)

    async def item(self, owner, node, item_id):
        """The payload of an item, or None if the node or the item does not exist."""
        pubsub = ET.Element(tag(PUBSUB, "pubsub"))
        child(child(pubsub, PUBSUB, "items", {"node": node}), PUBSUB, "item", {"id": item_id})
        try:
            answer = await self._ask("get", owner, pubsub)
        except IqError as error:
            # Prosody answers strangers with "forbidden" for nodes that do not exist.
            if error.condition in ("item-not-found", "forbidden"):
                return None
            raise
        item = answer.xml.find(f"{tag(PUBSUB, 'pubsub')}/{tag(PUBSUB, 'items')}/{tag(PUBSUB, 'item')}")
        return None if item is None or len(item) == 0 else item[0]

    async def _ask(self, kind, owner, payload):
        iq = self._stream.make_iq(id=self._stream.new_id(), ito=owner, itype=kind)  # by default all have the same id
        iq.append(payload)
        return await iq.send(timeout=20)


def session_manager_class(pep, send_stanza):
    """python-omemo calls static methods, so the connection gets in through a closure."""

    class Manager(omemo.SessionManager):
        @staticmethod
        async def _upload_bundle(bundle):
            await pep.publish(BUNDLES_NODE, str(bundle.device_id), twomemo.etree.serialize_bundle(bundle), {
                "pubsub#access_model": "open", "pubsub#persist_items": "true", "pubsub#max_items": "max",
            })

        @staticmethod
        async def _download_bundle(namespace, bare_jid, device_id):
            payload = await pep.item(bare_jid, BUNDLES_NODE, str(device_id))
            if payload is None:
                raise omemo.BundleNotFound()
            return twomemo.etree.parse_bundle(payload, bare_jid, device_id)

        @staticmethod
        async def _delete_bundle(namespace, device_id):
            raise omemo.BundleDeletionFailed("this peer keeps its bundle")

        @staticmethod
        async def _upload_device_list(namespace, device_list):
            await pep.publish(DEVICES_NODE, "current", twomemo.etree.serialize_device_list(device_list), {
                "pubsub#access_model": "open", "pubsub#persist_items": "true",
            })

        @staticmethod
        async def _download_device_list(namespace, bare_jid):
            payload = await pep.item(bare_jid, DEVICES_NODE, "current")
            return {} if payload is None else twomemo.etree.parse_device_list(payload)

        async def _evaluate_custom_trust_level(self, device):
            return omemo.TrustLevel.TRUSTED

        async def _make_trust_decision(self, undecided, identifier):
            raise omemo.TrustDecisionFailed("nothing is ever undecided here")

        @staticmethod
        async def _send_message(message, bare_jid):
            send_stanza(message, bare_jid)

    return Manager


def write_envelope(text, sender):
    envelope = ET.Element(tag(SCE, "envelope"))
    child(child(envelope, SCE, "content"), CLIENT, "body", text=text)
    child(envelope, SCE, "rpad", text=secrets.token_hex(secrets.randbelow(100)))
    child(envelope, SCE, "from", {"jid": sender})
    child(envelope, SCE, "time", {"stamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")})
    return ET.tostring(envelope, encoding="unicode").encode("utf-8")


def read_envelope(plaintext, sender):
    """The body of the message inside; raises if the envelope is not what XEP-0420 and XEP-0384 ask for."""
    envelope = ET.fromstring(plaintext.decode("utf-8"))
    if envelope.tag != tag(SCE, "envelope"):
        raise ValueError("not an SCE envelope")
    for affix in ("content", "rpad", "from", "time"):
        if len(envelope.findall(tag(SCE, affix))) != 1:
            raise ValueError(f"the envelope must have one {affix}")
    if envelope.find(tag(SCE, "from")).get("jid") != sender:
        raise ValueError("the envelope is from somebody else")
    datetime.fromisoformat(envelope.find(tag(SCE, "time")).get("stamp").replace("Z", "+00:00"))
    body = envelope.find(f"{tag(SCE, 'content')}/{tag(CLIENT, 'body')}")
    if body is None:
        raise ValueError("the envelope has no body")
    return body.text or ""


class Peer:
    def __init__(self):
        self._stream = None
        self._manager = None
        self._known = set()
        self._messages = asyncio.Queue()
        self._decrypting = asyncio.Lock()
        self._failures = []
        self._empty = 0

    async def connect(self, jid, password, host, port, ca):
        stream = slixmpp.ClientXMPP(f"{jid}/peer-{secrets.token_hex(4)}", password)
        stream.ca_certs = ca
        for plugin in ("xep_0030", "xep_0060", "xep_0115"):
            stream.register_plugin(plugin)
        stream["xep_0030"].add_feature(f"{DEVICES_NODE}+notify")
        stream.register_handler(CoroutineCallback("omemo", MatchXPath(f"{{{CLIENT}}}message/{tag(OMEMO, 'encrypted')}"), self._on_encrypted))
        started = asyncio.get_running_loop().create_future()

        def fail(reason):
            if not started.done():
                started.set_exception(ConnectionError(reason))

        stream.add_event_handler("session_start", lambda _: started.done() or started.set_result(None))
        stream.add_event_handler("failed_auth", lambda _: fail("authentication failed"))
        stream.add_event_handler("connection_failed", lambda _: fail("no connection"))
        stream.add_event_handler("ssl_invalid_chain", lambda _: fail("certificate not trusted"))
        self._stream = stream
        stream.connect((host, port))
        await asyncio.wait_for(started, 30)
        await stream["xep_0115"].update_caps()
        stream.send_presence()
        storage = MemoryStorage()
        self._manager = await session_manager_class(Pep(stream), self._send_encrypted).create(
            [twomemo.Twomemo(storage)], storage, jid, None, "trusted")
        await self._manager.after_history_sync()
        own, _ = await self._manager.get_own_device_information()
        return {"deviceId": own.device_id, "fingerprint": "".join(self._manager.format_identity_key(own.identity_key))}

    async def send(self, to, text):
        if to not in self._known:
            await self._manager.refresh_device_list(OMEMO, to)
            self._known.add(to)
        plaintext = write_envelope(text, self._stream.boundjid.bare)
        messages, errors = await self._manager.encrypt(frozenset({to}), {OMEMO: plaintext})
        if errors or len(messages) != 1:
            raise RuntimeError(f"not encrypted for everybody: {errors}")
        (message,) = messages
        self._send_encrypted(message, to)
        return {"keyExchange": any(exchange is not None for _, exchange in message.keys)}

    async def receive(self, count, timeout):
        """The next messages, fewer if they do not come in time."""
        received = []
        end = asyncio.get_running_loop().time() + timeout
        try:
            while len(received) < count:
                received.append(await asyncio.wait_for(self._messages.get(), end - asyncio.get_running_loop().time()))
        except asyncio.TimeoutError:
            pass  # whoever asked sees that there are fewer
        return {"messages": received, "failures": list(self._failures)}

    async def report(self):
        return {"empty": self._empty, "waiting": self._messages.qsize(), "failures": list(self._failures)}

    async def disconnect(self):
        if self._stream is not None:
            await self._stream.disconnect()
        return {}

    def _send_encrypted(self, message, to):
        stanza = self._stream.make_message(mto=to, mtype="chat")
        stanza.append(twomemo.etree.serialize_message(message))
        child(stanza.xml, "urn:xmpp:eme:0", "encryption", {"namespace": OMEMO, "name": "OMEMO"})
        child(stanza.xml, "urn:xmpp:hints", "store")
        stanza.send()

    async def _on_encrypted(self, stanza):
        sender = stanza["from"].bare
        async with self._decrypting:  # the library expects one message at a time, in order
            try:
                parsed = twomemo.etree.parse_message(stanza.xml.find(tag(OMEMO, "encrypted")), sender)
                key_exchange = any(exchange is not None for _, exchange in parsed.keys)
                plaintext, device, _ = await self._manager.decrypt(parsed)
                if plaintext is None:
                    self._empty += 1
                    return
                self._messages.put_nowait({
                    "from": sender, "text": read_envelope(plaintext, sender), "deviceId": device.device_id, "keyExchange": key_exchange,
                })
            except Exception as error:  # whatever it was, the test that drives this has to see it
                self._failures.append(f"{type(error).__name__}: {error}")


async def main():
    peer = Peer()
    commands = {name: getattr(peer, name) for name in ("connect", "send", "receive", "report", "disconnect")}
    reader = asyncio.StreamReader(limit=2 ** 22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        number, name = command.pop("id"), command.pop("do")
        try:
            answer = {"id": number, "ok": True, **await commands[name](**command)}
        except Exception as error:
            answer = {"id": number, "ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    await peer.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
