"""Addresses that must never be connected to, in every spelling that somebody thought would get past a guard.

`PORT` in one stands for the port of a server that listens on this machine and counts who comes.
"""

from __future__ import annotations

from itertools import product

# This machine, private networks and machines' own information, as numbers of IPv4.
TARGETS = {
    "loopback": "127.0.0.1",
    "loopback, elsewhere": "127.8.9.10",
    "private, of class A": "10.0.0.1",
    "private, of class B": "172.16.5.4",
    "private, of class C": "192.168.1.1",
    "shared": "100.64.0.1",
    "metadata": "169.254.169.254",
    "metadata of Alibaba": "100.100.100.200",
    "metadata of Oracle": "192.0.0.192",
    "metadata of Azure": "168.63.129.16",
    "nothing": "0.0.0.0",  # noqa: S104 - an address to refuse
    "broadcast": "255.255.255.255",
}


def spellings(address: str) -> dict[str, str]:
    """One address of IPv4 in the forms that some library or other reads as it."""
    a, b, c, d = (int(part) for part in address.split("."))
    number = (a << 24) | (b << 16) | (c << 8) | d
    high, low = number >> 16, number & 0xFFFF
    return {
        "dotted": address,
        "with a dot at the end": f"{address}.",
        "decimal": str(number),
        "hexadecimal": f"0x{number:08x}",
        "hexadecimal, in capitals": f"0X{number:08X}",
        "octal": f"0{number:o}",
        "dotted octal": ".".join(f"0{part:o}" for part in (a, b, c, d)),
        "dotted octal, padded": ".".join(f"{part:04o}" for part in (a, b, c, d)),
        "dotted hexadecimal": ".".join(f"0x{part:x}" for part in (a, b, c, d)),
        "mixed": f"0x{a:x}.{b}.0{c:o}.{d}",
        "two parts": f"{a}.{number & 0xFFFFFF}",
        "three parts": f"{a}.{b}.{low}",
        "two parts, hexadecimal": f"0x{a:x}.0x{number & 0xFFFFFF:x}",
        "mapped": f"[::ffff:{address}]",
        "mapped, hexadecimal": f"[::ffff:{high:x}:{low:x}]",
        "mapped, whole": f"[0:0:0:0:0:ffff:{high:x}:{low:x}]",
        "compatible": f"[::{high:x}:{low:x}]",
        "translated": f"[::ffff:0:{high:x}:{low:x}]",
        "NAT64": f"[64:ff9b::{high:x}:{low:x}]",
        "NAT64 of a network": f"[64:ff9b:1::{high:x}:{low:x}]",
        "6to4": f"[2002:{high:x}:{low:x}::1]",
        "Teredo": f"[2001:0:{high:x}:{low:x}::{0xFFFF ^ high:x}:{0xFFFF ^ low:x}]",
        "full width": "".join(chr(ord(sign) + 0xFEE0) if sign.isdigit() else sign for sign in address),
        "circled": "".join(chr(0x245F + int(sign)) if sign in "123456789" else sign for sign in address),
        "ideographic dots": address.replace(".", "\u3002"),
        "one dot leaders": address.replace(".", "\u2024"),
        "percent encoded": "".join(f"%{ord(sign):02x}" for sign in address),
    }


LITERALS = {
    f"{target}: {form}": f"http://{host}:PORT/v1"
    for target, address in TARGETS.items()
    for form, host in spellings(address).items()
}

IPV6 = {
    address: f"http://[{address}]:PORT/v1"
    for address in (
        "::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::", "::1%25lo", "::1%lo", "fe80::1",
        "fe80::1%25eth0", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fd00::1", "fd00:ec2::254", "ff02::1",
        "ff01::1", "100::1", "2001:db8::1", "2001::1", "2001:10::1", "3fff::1", "::ffff:0:127.0.0.1",
        "::127.0.0.1", "5f00::1",
    )
}  # fmt: skip

NAMES = {
    name: f"http://{name}:PORT/v1"
    for name in (
        "localhost", "LOCALHOST", "localhost.", "LocalHost.", "app.localhost", "a.b.localhost.", "ｌｏｃａｌｈｏｓｔ",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "loc\u00adalhost", "localhost\u3002",
    )
}  # fmt: skip

# Written as something else than a plain address of a server.
FORMS = {
    form: form
    for form in (
        "http://example.com@127.0.0.1:PORT/", "http://127.0.0.1:PORT@example.com/", "http://u:p@127.0.0.1:PORT/",
        "http://:@127.0.0.1:PORT/", "http://127.0.0.1:PORT\\@example.com/", "http://example.com\\@127.0.0.1:PORT/",
        "http://127.0.0.1:PORT#@example.com/", "http://127.0.0.1:PORT?@example.com/", "http://127.0.0.1:PORT/?x=1",
        "http://127.0.0.1:PORT/\r\nHost: example.com", "http://127.0.0.1:PORT/%0d%0aHost:%20x",
        "http://127.0.0.1%0d%0a:PORT/", "http://127.0.0.1\r\n:PORT/", "http://127.0.0.1\t:PORT/",
        "http:// 127.0.0.1:PORT/", " http://127.0.0.1:PORT/", "http://127.0.0.1 :PORT/", "http://127.0.0.1\0:PORT/",
        "http://127.0.0.1%00:PORT/", "http://127.0.0.1%2f:PORT/", "http://127.0.0.1%23:PORT/",
        "http:127.0.0.1:PORT/", "http:/127.0.0.1:PORT/", "http:///127.0.0.1:PORT/", "http:\\\\127.0.0.1:PORT/",
        "//127.0.0.1:PORT/", "127.0.0.1:PORT", "///127.0.0.1:PORT", "http://127.0.0.1:PORTx/", "http://127.0.0.1:-1/",
        "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1:99999999999/", "http://127.0.0.1:/",
        "http://[127.0.0.1]:PORT/", "http://[::1:PORT/", "http://::1:PORT/", "http://[[::1]]:PORT/",
        "http://[::1]x:PORT/", "http://[::ffff:127.0.0.1%25lo]:PORT/", "http://0:PORT/", "http://127.1:PORT/",
        "http://127.0.1:PORT/", "http://0x7f.1:PORT/", "http://0177.1:PORT/", "http://00000177.0.0.01:PORT/",
        "http://127.0.0.1.:PORT/", "http://127.0.0.1..:PORT/", "http://127..0.0.1:PORT/", "http://4294967297:PORT/",
        "http://127.0.0.257:PORT/", "http://0x17f000001:PORT/", "http://127.0.0.1,example.com:PORT/",
        "http://127.0.0.1;example.com:PORT/", "http://127.0.0.1&example.com:PORT/", "http://{127.0.0.1}:PORT/",
        "http://127.0.0.1\uff0fx:PORT/", "http://127.0.0.1\uff03x:PORT/",
        "http://127.0.0.1\uff20example.com:PORT/", "http://\u202e1.0.0.721:PORT/", "http://\ufeff127.0.0.1:PORT/",
        "http://\ud800:PORT/", "http://" + "1" * 400 + ":PORT/", "http://" + "a." * 240 + "localhost:PORT/",
    )
}  # fmt: skip

SCHEMES = {
    f"{scheme} {rest}": scheme + rest
    for scheme, rest in product(
        (
            "file:", "ftp:", "gopher:", "dict:", "ldap:", "ldaps:", "sftp:", "tftp:", "smb:", "jar:", "netdoc:",
            "data:", "javascript:", "ws:", "wss:", "unix:", "http+unix:", "php:", "expect:", "mailto:", "tcp:",
            "HTTP+http:",
        ),
        ("//127.0.0.1:PORT/", "///etc/passwd"),
    )
}  # fmt: skip

URLS = {**LITERALS, **IPV6, **NAMES, **FORMS, **SCHEMES}

# Names whose look-up leads to where nobody may go; the second answer of some is another than the first.
RESOLVING = {
    **{f"to {target}.example": [address] for target, address in TARGETS.items()},
    "both.example": ["93.184.215.14 127.0.0.1"],
    "last of many.example": ["93.184.215.14 1.1.1.1 8.8.8.8 10.0.0.1"],
    "rebinding.example": ["93.184.215.14", "127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "sixth.example": ["::1"],
    "local.example": ["fe80::1"],
}
RESOLVING = {name.lower().replace(" ", "-").replace(",", ""): answers for name, answers in RESOLVING.items()}
