#!/usr/bin/env python3
"""Checks an export of a Sallyport audit log with nothing but Python's own library, and OpenSSL for the signature.

    python3 check_export.py DIRECTORY ['NAME+ID+KEY']

It is short so that an auditor can read all of it. It holds one number for each level of the tree in memory. It needs a whole export,
one without --from and --to. The formats are those of docs/audit-format.md: C2SP tlog-tiles, tlog-checkpoint and signed-note, RFC 6962.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile


def sha256(data):
    return hashlib.sha256(data).digest()


def entries(directory, size):
    """The bytes of all entries, in order."""
    for bundle in range((size + 255) // 256):
        digits = f"{bundle:03d}" if bundle < 1000 else ""
        rest = bundle
        if not digits:
            digits, rest = f"{rest % 1000:03d}", rest // 1000
            while rest:
                digits, rest = f"x{rest % 1000:03d}/{digits}", rest // 1000
        width = min(256, size - bundle * 256)
        name = digits if width == 256 else f"{digits}.p/{width}"
        data = (directory / "tile/entries" / name).read_bytes()
        at = 0
        for _ in range(width):
            length = int.from_bytes(data[at : at + 2], "big")
            yield data[at + 2 : at + 2 + length]
            at += 2 + length
        assert at == len(data), f"tile/entries/{name} has {len(data) - at} bytes too many"


def verify_signature(note, key):
    """Whether one signature of the note is by the key, as OpenSSL says."""
    text, signatures = note.split("\n\n", 1)
    name, _, encoded = key.split("+", 2)
    algorithm_and_key = base64.b64decode(encoded)
    key_id = sha256(name.encode() + b"\n" + algorithm_and_key)[:4]
    for line in signatures.splitlines():
        _, signer, signature = line.split(" ")
        raw = base64.b64decode(signature)
        if signer != name or raw[:4] != key_id:
            continue
        with tempfile.TemporaryDirectory() as place:
            place = pathlib.Path(place)
            # An Ed25519 key in DER (RFC 8410) is these twelve bytes and the key.
            (place / "key").write_bytes(bytes.fromhex("302a300506032b6570032100") + algorithm_and_key[1:])
            (place / "signature").write_bytes(raw[4:])
            (place / "text").write_bytes((text + "\n").encode())
            command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in text -sigfile signature"
            return subprocess.run(command.split(), cwd=place, capture_output=True).returncode == 0
    return False


def main(directory, key=None):
    note = (directory / "checkpoint").read_text()
    origin, size, root = note.split("\n")[:3]
    stack = []  # (level, hash), as RFC 6962 builds its tree from the left
    with open(directory / "events.jsonl", "rb") as view:
        for index, entry in enumerate(entries(directory, int(size))):
            line = b'{"index":%d,"event":%s}\n' % (index, entry)
            assert view.readline() == line, f"events.jsonl does not say what entry {index} is"
            json.loads(entry)
            level, node = 0, sha256(b"\0" + entry)
            while stack and stack[-1][0] == level:
                level, node = level + 1, sha256(b"\1" + stack.pop()[1] + node)
            stack.append((level, node))
        assert view.readline() == b"", "events.jsonl goes on after the last entry"
    tree = stack.pop()[1] if stack else sha256(b"")
    while stack:
        tree = sha256(b"\1" + stack.pop()[1] + tree)
    assert base64.b64encode(tree).decode() == root, "the entries do not make the root that was signed"
    if key:
        assert key.split("+")[0] == origin and verify_signature(note, key), "the key has not signed the checkpoint"
    print(f"{size} entries make the root {root} of {origin}; " + ("signed by the key" if key else "signer NOT authenticated"))


if __name__ == "__main__":
    try:
        main(pathlib.Path(sys.argv[1]), *sys.argv[2:3])
    except AssertionError as error:
        sys.exit(f"NOT verified: {error}")
