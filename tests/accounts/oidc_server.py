"""An identity provider as a process of its own, made to misbehave: each test says how by one JSON document.

    python -m tests.accounts.oidc_server

prints its port. PUT /behave sets what it does: claims, header, key, status, body, delay and so on; GET /seen answers
what it was sent. /authorize sends the browser straight back with a code.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

KEY = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig"})
CURVE = ECKey.generate_key("P-256", parameters={"kid": "curve", "use": "sig"})
EDWARDS = OKPKey.generate_key("Ed25519", parameters={"kid": "edwards", "use": "sig"})
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]

state: dict[str, Any] = {}


def fresh() -> None:
    state.clear()
    state.update(behaviour={}, seen=[], codes={})


def issuer_of(request: web.Request) -> str:
    return f"http://{request.host}"


async def behave(request: web.Request) -> web.Response:
    fresh()
    state["behaviour"] = await request.json()
    return web.json_response({})


async def change(request: web.Request) -> web.Response:
    """As behave, but what was seen and handed out stays."""
    state["behaviour"] = await request.json()
    return web.json_response({})


async def seen(request: web.Request) -> web.Response:
    return web.json_response(state["seen"])


async def odd(request: web.Request, name: str) -> web.StreamResponse | None:
    """The answer that this test wants in the place of the right one."""
    wanted = state["behaviour"].get(name)
    if wanted is None:
        return None
    if "delay" in wanted:
        await asyncio.sleep(wanted["delay"])
    if "redirect" in wanted:
        raise web.HTTPFound(wanted["redirect"])
    if "length" in wanted:
        return web.Response(body=b"[" * wanted["length"], content_type="application/json")
    if "text" in wanted or "status" in wanted:
        return web.Response(
            text=wanted.get("text", "{}"),
            status=wanted.get("status", 200),
            content_type=wanted.get("type", "application/json"),
        )
    return None


async def document(request: web.Request) -> web.StreamResponse:
    state["seen"].append({"path": request.path})
    if answer := await odd(request, "document"):
        return answer
    issuer = issuer_of(request)
    said = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/keys",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "scopes_supported": ["openid", "email"],
    }
    return web.json_response(said | state["behaviour"].get("metadata", {}))


async def keys(request: web.Request) -> web.StreamResponse:
    state["seen"].append({"path": request.path})
    if answer := await odd(request, "keys"):
        return answer
    public = [key.as_dict(private=False) for key in (KEY, CURVE, EDWARDS)]
    return web.json_response({"keys": [*public, {"kty": "new"}, {"kty": "RSA"}, "none"]})


async def authorize(request: web.Request) -> web.Response:
    asked = dict(request.query)
    state["seen"].append({"path": request.path, **asked})
    code = f"code-{len(state['codes'])}"
    state["codes"][code] = {**asked, "at": time.time()}
    answer = {"code": code, "state": asked["state"]} | state["behaviour"].get("answer", {})
    raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode(answer)}")


async def token(request: web.Request) -> web.StreamResponse:
    form = {name: str(value) for name, value in (await request.post()).items()}
    state["seen"].append({"path": request.path, "authorization": request.headers.get("Authorization", ""), **form})
    if answer := await odd(request, "token"):
        return answer
    asked = state["codes"].pop(form["code"], None)
    if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
        return web.json_response({"error": "invalid_grant"}, status=400)
    challenge = in_letters(hashlib.sha256(form["code_verifier"].encode()).digest())
    if challenge != asked["code_challenge"] or asked["code_challenge_method"] != "S256":
        return web.json_response({"error": "invalid_grant", "error_description": "PKCE"}, status=400)
    tokens = {"access_token": "access", "token_type": "Bearer", "id_token": id_token(request, asked)}
    return web.json_response(tokens | state["behaviour"].get("tokens", {}))


def in_letters(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def id_token(request: web.Request, asked: dict[str, Any]) -> str:
    now = int(time.time())
    said = {
        "iss": issuer_of(request),
        "sub": "subject-1",
        "aud": asked["client_id"],
        "iat": now,
        "exp": now + 300,
        "nonce": asked["nonce"],
        "email": "nora@example.org",
        "email_verified": True,
        "name": "Nora Lind",
        "preferred_username": "nora",
    }
    behaviour = state["behaviour"]
    said |= behaviour.get("claims", {})
    # Times are given as seconds from now.
    said |= {name: now + seconds for name, seconds in behaviour.get("times", {}).items()}
    for name in behaviour.get("without", []):
        del said[name]
    signed = behaviour.get("signed", "RS256")
    if signed in {"none", "HS256"}:
        text = ".".join(in_letters(json.dumps(part).encode()) for part in ({"alg": signed, "kid": "one"}, said))
        # The key everybody knows, taken for a password.
        forged = hmac.digest(KEY.as_pem(private=False), text.encode(), "sha256") if signed == "HS256" else b""
        return f"{text}.{in_letters(forged)}"
    header = {"alg": signed, "kid": "one"}
    key: Any = KEY
    if signed == "ES256":
        header["kid"], key = "curve", CURVE
    elif signed == "EdDSA":
        header["kid"], key = "edwards", EDWARDS
    elif signed == "foreign":
        header["alg"], key = "RS256", OTHER
    header |= behaviour.get("header", {})
    registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    if behaviour.get("anonymous"):
        del header["kid"]
    return jwt.encode(header, said, key, registry=registry)


async def userinfo(request: web.Request) -> web.StreamResponse:
    state["seen"].append({"path": request.path, "authorization": request.headers.get("Authorization", "")})
    if answer := await odd(request, "userinfo"):
        return answer
    return web.json_response({"sub": "subject-1"} | state["behaviour"].get("person", {}))


async def announce(app: web.Application) -> None:
    fresh()


def main() -> None:
    app = web.Application()
    app.add_routes(
        [
            web.put("/behave", behave),
            web.put("/change", change),
            web.get("/seen", seen),
            web.get("/.well-known/openid-configuration", document),
            web.get("/keys", keys),
            web.get("/authorize", authorize),
            web.post("/token", token),
            web.get("/userinfo", userinfo),
        ]
    )
    app.on_startup.append(announce)

    async def run() -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


if __name__ == "__main__":
    main()
