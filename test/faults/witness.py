"""The recipients of the fault tests, on other people's code: python-omemo decrypts, slixmpp reads the archive. Nothing of Sotto is in here.

One program plays several accounts. Commands and answers are JSON lines; commands may overlap.

    {"id": 1, "do": "open", "jid": "...", "password": "...", "host": "127.0.0.1", "port": 5222, "ca": "ca.crt"}
    {"id": 2, "do": "heard", "jid": "..."}        -> {"heard": [{"from", "text", "origin", "stanza"}], "failures": [{"from", "origin", "error"}]}
    {"id": 3, "do": "archive", "jid": "..."}      -> {"archive": [{"stanza", "from", "to", "origin", "payload"}]}, oldest first, all pages
    {"id": 4, "do": "say", "jid": "...", "to": "...", "texts": ["..."]}
    {"id": 5, "do": "confirm", "jid": "..."}      sends the empty messages that complete sessions

A recipient never deletes a prekey: many senders that start at once may well pick the same one, which is not what is tested here.
"""

import asyncio
import hashlib
import json
import pathlib
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop" / "peer"))

import twomemo  # noqa: E402
import twomemo.etree  # noqa: E402
from slixmpp.xmlstream.handler import Callback  # noqa: E402
from slixmpp.xmlstream.matcher import MatchXPath  # noqa: E402
from slixmpp.exceptions import IqError  # noqa: E402
from omemo_peer import CLIENT, OMEMO, SCE, Peer, Pep, tag  # noqa: E402

SID = "urn:xmpp:sid:0"
MAM = "urn:xmpp:mam:2"
RSM = "http://jabber.org/protocol/rsm"
FORWARD = "urn:xmpp:forward:0"


def origin_of(message):
    element = message.find(tag(SID, "origin-id"))
    return None if element is None else element.get("id")


def body_of(plaintext, sender):
    """The text inside the encryption; None for receipts, markers and the like."""
    envelope = ET.fromstring(plaintext.decode("utf-8"))
    if envelope.tag != tag(SCE, "envelope") or envelope.find(tag(SCE, "from")).get("jid") != sender:
        raise ValueError("not an envelope of the sender's")
    body = envelope.find(f"{tag(SCE, 'content')}/{tag(CLIENT, 'body')}")
    return None if body is None else body.text or ""


publish_with_all_options = Pep.publish


async def publish(pep, node, item_id, payload, options):
    """ejabberd knows two of the options only, which is enough for one device; and when several nodes are created at once it says item-not-found to some."""
    wanted = options
    for attempt in range(10):
        try:
            return await publish_with_all_options(pep, node, item_id, payload, wanted)
        except IqError as error:
            if error.condition == "resource-constraint" and wanted is options:
                wanted = {name: options[name] for name in ("pubsub#access_model", "pubsub#persist_items")}
            elif error.condition == "item-not-found" and attempt < 9:
                await asyncio.sleep(0.05 * attempt)
            else:
                raise


Pep.publish = publish


async def keep_pre_key(backend, session):
    return False  # the bundle has not changed


twomemo.Twomemo.hide_pre_key = keep_pre_key


class Recipient(Peer):
    def __init__(self):
        super().__init__()
        self.heard = []
        self.failures = []

    async def open(self, **login):
        answer = await self.connect(**login)
        self._manager.before_history_sync()
        return answer

    async def confirm(self):
        async with self._decrypting:
            await self._manager.after_history_sync()
            self._manager.before_history_sync()
        return {}

    async def say(self, to, texts):
        for text in texts:
            await self.send(to, text)
        return {}

    async def archive(self):
        """Pages through everything, oldest first, until the server says that it is complete."""
        items = []
        after = None
        while True:
            number = f"page-{len(items)}"
            page, fin = await self._page(number, after)
            items += page
            last = fin.find(f"{tag(RSM, 'set')}/{tag(RSM, 'last')}")
            if fin.get("complete") == "true" or last is None or not page:
                return {"archive": items}
            after = last.text

    async def _page(self, number, after):
        stream = self._stream
        page = []

        def take(stanza):
            result = stanza.xml.find(tag(MAM, "result"))
            if result.get("queryid") != number:
                return
            message = result.find(f"{tag(FORWARD, 'forwarded')}/{tag(CLIENT, 'message')}")
            payload = message.find(f"{tag(OMEMO, 'encrypted')}/{tag(OMEMO, 'payload')}")
            page.append({
                "stanza": result.get("id"), "from": message.get("from", ""), "to": message.get("to", ""), "origin": origin_of(message),
                "payload": None if payload is None else hashlib.sha256(payload.text.encode()).hexdigest(),
            })

        handler = Callback(f"mam-{number}", MatchXPath(f"{{{CLIENT}}}message/{tag(MAM, 'result')}"), take)
        stream.register_handler(handler)
        query = ET.Element(tag(MAM, "query"), {"queryid": number})
        rsm = ET.SubElement(query, tag(RSM, "set"))
        ET.SubElement(rsm, tag(RSM, "max")).text = "200"
        if after is not None:
            ET.SubElement(rsm, tag(RSM, "after")).text = after
        iq = stream.make_iq(id=stream.new_id(), itype="set")
        iq.append(query)
        try:
            answer = await iq.send(timeout=60)
        finally:
            stream.remove_handler(f"mam-{number}")
        return page, answer.xml.find(tag(MAM, "fin"))

    async def _on_encrypted(self, stanza):
        sender = stanza["from"].bare
        stanza_id = stanza.xml.find(tag(SID, "stanza-id"))
        where = {"from": sender, "origin": origin_of(stanza.xml), "stanza": None if stanza_id is None else stanza_id.get("id")}
        async with self._decrypting:  # the library expects one message at a time, in order
            try:
                parsed = twomemo.etree.parse_message(stanza.xml.find(tag(OMEMO, "encrypted")), sender)
                plaintext, _, _ = await self._manager.decrypt(parsed)
                text = None if plaintext is None else body_of(plaintext, sender)
                if text is not None:
                    self.heard.append({**where, "text": text})
            except Exception as error:  # whatever it was, the checker has to see it
                self.failures.append({**where, "error": f"{type(error).__name__}: {error}"})


recipients = {}


async def answer(command):
    name, jid = command.pop("do"), command.pop("jid")
    if name == "open":
        recipients[jid] = Recipient()
        return await recipients[jid].open(jid=jid, **command)
    recipient = recipients[jid]
    if name == "heard":
        return {"heard": recipient.heard, "failures": recipient.failures}
    return await {"archive": recipient.archive, "say": recipient.say, "confirm": recipient.confirm}[name](**command)


async def handle(line):
    command = json.loads(line)
    number = command.pop("id")
    try:
        result = {"id": number, "ok": True, **await answer(command)}
    except Exception as error:
        result = {"id": number, "ok": False, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)


async def main():
    reader = asyncio.StreamReader(limit=2 ** 22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()
    while line := await reader.readline():
        task = asyncio.create_task(handle(line))
        running.add(task)
        task.add_done_callback(running.discard)
    for recipient in recipients.values():
        await recipient.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
