#!/usr/bin/env python3
"""Verifies a Tonegate audit chain by README.md alone: no code of the gateway, and nothing beyond Python's own library.

    verify.py STORE [--checkpoints DIRECTORY]... [--key FILE]...

Exit status: 0, all of it holds; 1, something cannot be read, which says nothing; 3, something is wrong and is named.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import re
import sqlite3
import sys
import uuid

ZEROS = bytes(32)
TITLE = "tonegate audit checkpoint 1"
NAMES = ["node", "instance", "opened-after", "chain", "number", "previous", "records", "head", "at"]
SIGNED = "\u2014 "
CAUSES = {"answered": 0, "failed": 1, "cancelled": 2, "closed": 3}

# Ed25519 (RFC 8032 section 5.1), verification only. Points are (X, Y, Z, T) on -x^2 + y^2 = 1 + d x^2 y^2.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


class Bad(Exception):
    """Something is wrong with the chain or a checkpoint."""


def add(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(factor, point):
    result = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = add(result, point)
        point = add(point, point)
        factor >>= 1
    return result


def point_of(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(key, message, signature):
    public, commitment = point_of(key), point_of(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if public is None or commitment is None or len(signature) != 64 or scalar >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    left = times(scalar, BASE)
    right = add(commitment, times(int.from_bytes(digest, "little") % ORDER, public))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


def read_keys(files):
    """The keys NAME+HASH+KEY in some files, by name and hash."""
    keys = {}
    for file in files:
        for line in pathlib.Path(file).read_text("utf-8").split("\n"):
            if not line or line.startswith("#"):
                continue
            if line.count("+") < 2:
                raise ValueError(f"{file}: not a public key: {line}")
            name, hashed, encoded = line.split("+", 2)
            data = base64.b64decode(encoded, validate=True)
            expected = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
            if len(data) != 33 or data[0] != 1 or expected.hex() != hashed:
                raise ValueError(f"{file}: not a public key: {line}")
            keys[(name, expected)] = data[1:]
    return keys


def notes_of(text):
    """The notes of a file with their first lines' numbers, and what follows the last whole one."""
    notes, start, place, first, is_over, has_line = [], 0, 0, 1, False, False
    for number, line in enumerate(re.findall("[^\n]*\n|[^\n]+", text), 1):
        is_cut = not line.endswith("\n") and SIGNED.startswith(line.rstrip("\ufffd"))
        signature = is_over and (line.startswith(SIGNED) or is_cut)
        if is_over and not signature:
            notes.append((first, text[start:place]))
            start, first, is_over, has_line = place, number, False, False
        is_over |= line == "\n"
        has_line |= signature and line.endswith("\n")
        place += len(line)
    if has_line and text.endswith("\n"):
        notes.append((first, text[start:]))
        start = len(text)
    return notes, text[start:]


def checkpoint_of(place, note, keys):
    """What a note says, if it is signed by a known key."""
    text, blank, lines = note.rpartition("\n\n")
    signers = 0
    for line in lines.split("\n")[:-1]:
        name, _, encoded = line.removeprefix(SIGNED).partition(" ")
        try:
            data = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise Bad(f"{place}: no signed note") from None
        key = keys.get((name, data[:4]))
        if key and not is_signed(key, (text + "\n").encode(), data[4:]):
            raise Bad(f"{place}: a signature does not hold")
        signers += key is not None
    if not blank or not signers:
        raise Bad(f"{place}: no signature by a given key")
    title, *lines = text.split("\n")
    fields = dict(line.partition(" ")[::2] for line in lines)
    if title != TITLE or [line.partition(" ")[0] for line in lines] != NAMES:
        raise Bad(f"{place}: not the text of a checkpoint")
    for name in ("number", "records"):
        fields[name] = int(fields[name])
    for name in ("opened-after", "chain", "previous", "head"):
        fields[name] = bytes.fromhex(fields[name])
    return fields | {"place": place, "hash": hashlib.sha256(note.encode()).digest()}


def gather(directories, keys):
    found, remarks = {}, []
    for directory in directories:
        if not any(pathlib.Path(directory).glob("*.checkpoints")):
            raise ValueError(f"{directory} holds no file *.checkpoints")
    for file in sorted(file for directory in directories for file in pathlib.Path(directory).glob("*.checkpoints")):
        notes, rest = notes_of(file.read_bytes().decode("utf-8", "replace"))
        for line, note in notes:
            checkpoint = checkpoint_of(f"{file}, line {line}", note, keys)
            found[checkpoint["hash"]] = checkpoint
        if rest:
            remarks.append(f"{file} ends in the middle of a checkpoint")
    return list(found.values()), remarks


def hold_wipe(number, kind, details, vaults):
    """Takes the key of a vault, or holds a wipe to the keys so far."""
    if kind == "vault_started" and "wipe_key" in details:
        vaults.append(bytes.fromhex(details["wipe_key"]))
    if kind != "card_wiped" or "cause" not in details:
        return
    try:
        message = b"tonegate-wipe-v2" + uuid.UUID(details["capture"]).bytes + bytes([CAUSES[details["cause"]]])
        message += details["sequence"].to_bytes(8, "little") + details["unix_millis"].to_bytes(8, "little")
        signature = bytes.fromhex(details["signature"])
    except (KeyError, ValueError, AttributeError, TypeError, OverflowError):
        raise Bad(f"record {number} is of no wipe") from None
    if not any(is_signed(key, message, signature) for key in reversed(vaults)):
        raise Bad(f"record {number}: no vault of this chain has signed what it says of a wipe")


def walk(rows, checkpoints):
    """Goes along the chain; returns its head and the runs' openings."""
    previous, number, calls, runs, begins_after, vaults = ZEROS, 0, {}, {}, None, []
    by_records = {}
    for checkpoint in checkpoints:
        by_records.setdefault(checkpoint["records"], []).append(checkpoint)
    first = None
    for sequence, call, text, stored in rows:
        number += 1
        if sequence != number:
            raise Bad(f"record {number} is missing")
        try:
            record = json.loads(text)
            canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        except (ValueError, TypeError):
            raise Bad(f"record {number} is no JSON") from None
        if canonical != text:
            raise Bad(f"record {number} is not canonical")
        digest = hashlib.sha256(previous + text.encode()).digest()
        if digest != stored:
            raise Bad(f"record {number} or the one before it was changed")
        before = calls.get(call)
        expected = (before[0] + 1, before[1]) if before else (1, None)
        if record["sequence"] != number or record["call"] != call:
            raise Bad(f"record {number} is stored in another place")
        if (record["call_sequence"], record["call_previous"]) != expected:
            raise Bad(f"record {number} does not follow in its call")
        calls[call] = (expected[0], digest.hex())
        hold_wipe(number, record["kind"], record["details"], vaults)
        if record["kind"] == "log_started":
            after = bytes.fromhex(record["details"]["previous_head"])
            if number > 1 and after != previous:
                raise Bad(f"record {number} opens a run after another head")
            begins_after = after if number == 1 else begins_after
            runs[record["details"]["instance"]] = after
        first = first or digest
        for checkpoint in by_records.get(number, []) if first else []:
            if checkpoint["chain"] != first:
                continue
            if checkpoint["head"] != digest:
                raise Bad(f"record {number} is not the one that {checkpoint['place']} has seen")
            if runs.get(checkpoint["instance"]) != checkpoint["opened-after"]:
                raise Bad(f"{checkpoint['place']} is of a run that the chain does not open")
        previous = digest
    return number, previous, first, begins_after


def hold_against(checkpoints, number, first, begins_after):
    """Checkpoints beyond the end, gaps between them, and other chains; returns the records that are covered."""
    here = sorted((found for found in checkpoints if found["chain"] == first), key=lambda found: found["number"])
    for found in here:
        if found["records"] > number:
            raise Bad(f"record {number} is the last, but {found['place']} has seen {found['records']}")
    for one, other in zip(here, here[1:]):
        if other["number"] != one["number"] + 1 or other["previous"] != one["hash"]:
            raise Bad(f"{other['place']} does not follow {one['place']}")
    elsewhere = {}
    for found in sorted(checkpoints, key=lambda found: found["number"]):
        if found["chain"] != first:
            elsewhere[found["chain"]] = found
    heads = {begins_after}
    while known := [chain for chain, found in elsewhere.items() if found["head"] in heads]:
        for chain in known:
            del elsewhere[chain]
            heads |= {found["opened-after"] for found in checkpoints if found["chain"] == chain}
    for found in elsewhere.values():
        raise Bad(f"{found['place']} has seen a chain of {found['records']} records that is neither this one nor before it")
    return here[-1]["records"] if here else 0


def verify(arguments):
    keys = read_keys(arguments.key)
    checkpoints, remarks = gather(arguments.checkpoints, keys)
    with sqlite3.connect(f"file:{arguments.store}?mode=ro", uri=True) as store:
        store.text_factory = lambda data: data.decode("utf-8", "replace")
        rows = store.execute("SELECT sequence, call, record, hash FROM audit ORDER BY sequence")
        number, head, first, begins_after = walk(rows, checkpoints)
        stored = store.execute("SELECT sequence, hash, signature FROM audit_head").fetchone() or (0, ZEROS, None)
    if stored[:2] != (number, head):
        raise Bad(f"record {number} is the last, but the head says otherwise")
    message = b"tonegate audit head 1\0" + number.to_bytes(8, "big") + head
    if keys and number and not any(is_signed(key, message, stored[2] or bytes(64)) for key in keys.values()):
        raise Bad("the signature of the head does not hold")
    covered = hold_against(checkpoints, number, first, begins_after)
    print(f"{number} records, head {head.hex()}; {len(checkpoints)} checkpoints, the newest covers {covered} records")
    for remark in remarks:
        print(f"note: {remark}")
    if not keys:
        print("NOT VERIFIED: no signature, because no key was given")
    if covered < number:
        print(f"NOT VERIFIED from outside: records {covered + 1} to {number}, which no checkpoint given here has seen")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--checkpoints", action="append", default=[], metavar="DIRECTORY")
    parser.add_argument("--key", action="append", default=[], metavar="FILE")
    try:
        verify(parser.parse_args())
    except Bad as bad:
        print(f"BAD: {bad}")
        return 3
    except (OSError, ValueError, KeyError, sqlite3.Error) as error:
        print(f"cannot be verified: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
