"""An authenticator in software, written from the specification (WebAuthn Level 2), not from the library under test."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.test import Client

ORIGIN = "http://localhost"
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def coded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """Holds one credential; what it is told to do wrong it does with a right signature."""

    origin: str = ORIGIN
    # How it counts: None counts nothing, as synchronised passkeys do.
    count: int | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes = b""

    def make(self, options: dict[str, Any], *, flags: int = PRESENT | VERIFIED, origin: str = "") -> str:
        """The answer to navigator.credentials.create()."""
        self.handle = decoded(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public_key = cbor2.dumps(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        )
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + public_key
        data = self._data(options["rp"]["id"], flags | ATTESTED) + attested
        client = self._client("webauthn.create", options["challenge"], origin)
        return self._answer(
            clientDataJSON=coded(client),
            attestationObject=coded(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            transports=["internal", "hybrid"],
        )

    def prove(
        self,
        options: dict[str, Any],
        *,
        flags: int = PRESENT | VERIFIED,
        origin: str = "",
        rp_id: str = "",
        handle: bytes | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> str:
        """The answer to navigator.credentials.get()."""
        if self.count is not None:
            self.count += 1
        data = self._data(rp_id or options["rpId"], flags)
        client = self._client("webauthn.get", options["challenge"], origin)
        signature = (key or self.key).sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            clientDataJSON=coded(client),
            authenticatorData=coded(data),
            signature=coded(signature),
            userHandle=coded(self.handle if handle is None else handle),
        )

    def _data(self, rp_id: str, flags: int) -> bytes:
        return sha256(rp_id.encode()).digest() + bytes([flags]) + (self.count or 0).to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, origin: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": origin or self.origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def _answer(self, **response: Any) -> str:
        name = coded(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def browser(client: Client | None = None) -> Client:
    """A browser that opened the house by a name, where passkeys work."""
    client = client or Client()
    client.defaults["HTTP_HOST"] = "localhost"
    return client


def asked(client: Client, url: str) -> dict[str, Any]:
    """What the house asks a browser, as its page does."""
    answer = client.post(url)
    assert answer.status_code == 200, answer.content
    options: dict[str, Any] = answer.json()
    return options
