"""One device of the older OMEMO version (eu.siacs.conversations.axolotl) without any XMPP: python-oldmemo behind JSON lines.

    {"id": 1, "do": "bundle"}                            -> {"bundle": "<bundle .../>"}
    {"id": 2, "do": "start", "bundle": "...", "text": "..."} -> {"encrypted": "<encrypted .../>"}
    {"id": 3, "do": "encrypt", "text": "..."}            -> {"encrypted": "..."}; without "text" an empty message
    {"id": 4, "do": "decrypt", "encrypted": "..."}       -> {"text": "..."}; null for an empty message

Bundles and messages travel as the XML that would be in stanzas, validated against the schema of XEP-0384 version 0.3.
There is one session, with one other device.
"""

import asyncio
import base64
import json
import sys
import xml.etree.ElementTree as ET

import oldmemo
import oldmemo.etree
from oldmemo.oldmemo import EncryptedKeyMaterialImpl, KeyExchangeImpl, ContentImpl
from omemo.message import Message
from omemo.session import Initiation
from omemo.storage import Just, Nothing, Storage

NAMESPACE = oldmemo.oldmemo.NAMESPACE
NS = f"{{{NAMESPACE}}}"
OWN_JID, OWN_DEVICE = "python@example.org", 31337
OTHER_JID, OTHER_DEVICE = "sotto@example.org", 4711


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


class Device:
    def __init__(self):
        self._backend = oldmemo.Oldmemo(MemoryStorage())
        self._session = None

    async def bundle(self):
        if await self._backend.get_num_visible_pre_keys() == 0:
            await self._backend.generate_pre_keys(100)
        own = await self._backend.get_bundle(OWN_JID, OWN_DEVICE)
        return {"bundle": ET.tostring(oldmemo.etree.serialize_bundle(own), encoding="unicode")}

    async def start(self, bundle, text):
        other = oldmemo.etree.parse_bundle(ET.fromstring(bundle), OTHER_JID, OTHER_DEVICE)
        content, plain_key = await self._backend.encrypt_plaintext(text.encode("utf-8"))
        self._session, encrypted_key = await self._backend.build_session_active(OTHER_JID, OTHER_DEVICE, other, plain_key)
        return self._write(content, encrypted_key)

    async def encrypt(self, text=None):
        content, plain_key = await (self._backend.encrypt_empty() if text is None else self._backend.encrypt_plaintext(text.encode("utf-8")))
        return self._write(content, await self._backend.encrypt_key_material(self._session, plain_key))

    async def decrypt(self, encrypted):
        element = ET.fromstring(encrypted)
        oldmemo.etree.MESSAGE_SCHEMA.validate(element)
        (key,) = [key for key in element.iter(f"{NS}key") if key.get("rid") == str(OWN_DEVICE)]
        plain_key = await self._open(base64.b64decode(key.text), key.get("prekey") is not None)
        payload = element.find(f"{NS}payload")
        if payload is None:
            return {"text": None}
        initialization_vector = base64.b64decode(element.find(f"{NS}header/{NS}iv").text)
        plaintext = await self._backend.decrypt_plaintext(ContentImpl(base64.b64decode(payload.text), initialization_vector), plain_key)
        return {"text": plaintext.decode("utf-8")}

    async def _open(self, data, is_key_exchange):
        if not is_key_exchange:
            return await self._backend.decrypt_key_material(self._session, EncryptedKeyMaterialImpl.parse(data, OWN_JID, OWN_DEVICE))
        exchange, message = KeyExchangeImpl.parse(data, False)
        encrypted_key = EncryptedKeyMaterialImpl.parse(message, OWN_JID, OWN_DEVICE)
        session = self._session
        if session is not None and session.initiation is Initiation.PASSIVE and session.key_exchange.builds_same_session(exchange):
            return await self._backend.decrypt_key_material(session, encrypted_key)
        self._session, plain_key = await self._backend.build_session_passive(OTHER_JID, OTHER_DEVICE, exchange, encrypted_key)
        return plain_key

    def _write(self, content, encrypted_key):
        session = self._session
        exchange = session.key_exchange if session.initiation is Initiation.ACTIVE and not session.confirmed else None
        message = Message(NAMESPACE, OWN_JID, OWN_DEVICE, content, frozenset({(encrypted_key, exchange)}))
        return {"encrypted": ET.tostring(oldmemo.etree.serialize_message(message), encoding="unicode")}


async def main():
    device = Device()
    commands = {name: getattr(device, name) for name in ("bundle", "start", "encrypt", "decrypt")}
    for line in sys.stdin:
        command = json.loads(line)
        number, name = command.pop("id"), command.pop("do")
        try:
            answer = {"id": number, "ok": True, **await commands[name](**command)}
        except Exception as error:
            answer = {"id": number, "ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
