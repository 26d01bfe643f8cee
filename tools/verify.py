#!/usr/bin/env python3
"""Verifies an export of Formicary by a pinned key: python3 verify.py EXPORT VKEY [CHECKPOINT...]

Needs nothing but Python 3.9. EXPORT is .jsonl or .jsonl.gz, VKEY a verifier key (c2sp.org/signed-note) that you have from
elsewhere or a file with one or several of a log, a line each, CHECKPOINT files with checkpoints that you kept. Prints a line for each fault; ends with 1 when there is one, with 2 when nothing could be verified.
"""
import base64, gzip, hashlib, json, re, sys, zlib
from collections import Counter
from datetime import datetime, timedelta

sha = lambda data: hashlib.sha256(data).digest()
faults = []
fault = lambda kind, message: faults.append((kind, message))

# ------------------------------------------------------------------------------- Ed25519 (RFC 8032, section 5.1)
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

def add(a, b):
    x, y, z, t = a; u, v, w, s = b
    m, n, o, q = (y - x) * (v - u) % P, (y + x) * (v + u) % P, 2 * t * s * D % P, 2 * z * w % P
    e, f, g, h = n - m, q - o, q + o, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P

def times(k, a):
    r = (0, 1, 1, 0)
    while k:
        if k & 1: r = add(r, a)
        a, k = add(a, a), k >> 1
    return r

def point(data):
    y = int.from_bytes(data, "little"); sign, y = y >> 255, y & (1 << 255) - 1
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P: x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - xx) % P or (x == 0 and sign): raise ValueError("no point")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P

BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def ed25519(key, message, signature):
    try: a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    except ValueError: return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    u, v = times(s, BASE), add(r, times(h, a))
    return len(signature) == 64 and s < L and (u[0] * v[2] - v[0] * u[2]) % P == 0 and (u[1] * v[2] - v[1] * u[2]) % P == 0

# ----------------------------------------------------------- ECDSA on P-256 over SHA-256 (FIPS 186-4, section 6.4)
Q, N = 2**256 - 2**224 + 2**192 + 2**96 - 1, 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296, 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")

def plus(a, b):
    """Points as (x, y); None is the one at infinity."""
    if a is None or b is None: return a or b
    if a[0] == b[0] and (a[1] + b[1]) % Q == 0: return None
    slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, Q) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, Q)
    x = (slope * slope - a[0] - b[0]) % Q
    return x, (slope * (a[0] - x) - a[1]) % Q

def multiply(k, a):
    r = None
    while k:
        if k & 1: r = plus(r, a)
        a, k = plus(a, a), k >> 1
    return r

def der_numbers(data):
    """The two numbers of a signature in DER, in the one form that each has."""
    if len(data) < 8 or data[0] != 0x30 or data[1] != len(data) - 2: raise ValueError
    numbers, at = [], 2
    for _ in range(2):
        if data[at] != 2 or data[at + 1] < 1: raise ValueError
        part = data[at + 2:at + 2 + data[at + 1]]
        if len(part) != data[at + 1] or part[0] & 0x80 or (len(part) > 1 and part[0] == 0 and not part[1] & 0x80): raise ValueError
        numbers.append(int.from_bytes(part, "big")); at += 2 + len(part)
    if at != len(data): raise ValueError
    return numbers

def p256(key, message, signature):
    try: r, s = der_numbers(signature)
    except (ValueError, IndexError): return False
    if not (0 < r < N and 0 < s < N): return False
    w = pow(s, -1, N)
    found = plus(multiply(int.from_bytes(sha(message), "big") * w % N, G), multiply(r * w % N, key))
    return found is not None and found[0] % N == r

# ------------------------------------------------------------------- notes and checkpoints (c2sp.org/signed-note)
def parse_vkey(text):
    """A name, and for each key id what verifies its signatures."""
    names, keys = set(), {}
    for name, keyid, encoded in (line.split("+", 2) for line in map(str.strip, text.split("\n")) if line and line[0] != "#"):
        data = base64.b64decode(encoded, validate=True)
        if data[:1] == b"\x01" and len(data) == 33 and sha(name.encode() + b"\n" + data)[:4].hex() == keyid:
            verifies = lambda text, signature, key=data[1:]: ed25519(key, text, signature)
        elif data[:1] == b"\x02" and data[1:28] == SPKI and len(data) == 92 and sha(data[1:])[:4].hex() == keyid:
            x, y = int.from_bytes(data[28:60], "big"), int.from_bytes(data[60:], "big")
            if not (x < Q and y < Q and (y * y - x * x * x + 3 * x - B) % Q == 0): raise ValueError("that key is no point of P-256")
            verifies = lambda text, signature, key=(x, y): p256(key, text, signature)
        else: raise ValueError("that is no verifier key of Ed25519 or of ECDSA on P-256")
        names.add(name); keys[keyid] = verifies
    if len(names) != 1: raise ValueError("give the keys of one log")
    return names.pop(), keys

def checkpoint(source, note, vkey):
    """(size, root) of a checkpoint that one of the keys has signed, else None and a fault."""
    name, keys = vkey
    try:
        text, _, lines = note.rpartition("\n\n"); text += "\n"
        signed = False
        for line in lines.splitlines():
            dash, who, encoded = line.split(" "); data = base64.b64decode(encoded, validate=True)
            if dash != "\u2014": raise ValueError
            verifies = keys.get(data[:4].hex())
            if who != name or verifies is None: continue
            if not verifies(text.encode(), data[4:]): return fault("forged", f"{source}: the signature does not fit")
            signed = True
        if not signed: return fault("other-key", f"{source}: not signed by {name}+{' or '.join(keys)}")
        origin, size, root = text.split("\n")[:3]
        if origin != name: return fault("other-key", f"{source}: of the log {origin}")
        if not re.fullmatch("0|[1-9][0-9]*", size): raise ValueError
        return int(size), base64.b64decode(root, validate=True)
    except ValueError:
        return fault("forged", f"{source}: no checkpoint")

# --------------------------------------------------------------------------------- the tree (RFC 9162, section 2.1)
class Tree:
    def __init__(self): self.size, self.parts = 0, []
    def push(self, entry):
        size, node = 1, sha(b"\0" + entry.encode())
        while self.parts and self.parts[-1][0] == size: node = sha(b"\1" + self.parts.pop()[1] + node); size *= 2
        self.parts.append((size, node)); self.size += 1
    def root(self):
        if not self.parts: return sha(b"")
        node = self.parts[-1][1]
        for _, left in reversed(self.parts[:-1]): node = sha(b"\1" + left + node)
        return node

def heads_hash(heads, depth=0):
    """Over the last receipt of each stream: {stream: (index, hash)}. A page holds 1,024; more are divided."""
    if len(heads) <= 1024: return sha("".join(f"{s}@{i} {h}\n" for s, (i, h) in sorted(heads.items())).encode()).hex()
    groups = {}
    for s, head in heads.items(): groups.setdefault(sha(s.encode()).hex()[depth], {})[s] = head
    return sha("".join(f"{d} {heads_hash(g, depth + 1)}\n" for d, g in sorted(groups.items())).encode()).hex()

# ------------------------------------------------------------------------------------------------------- the export
def once(pairs):
    """An object; one in which a name stands twice means two things, so it is none."""
    if len({name for name, _ in pairs}) < len(pairs): raise ValueError("a name stands twice")
    return dict(pairs)

def no_number(name): raise ValueError(f"{name} is no number")

read_json = lambda text: json.loads(text, object_pairs_hook=once, parse_constant=no_number)

RECEIPT = {"stream": str, "index": int, "hash": str, "body": str}
FORMS = [RECEIPT, {"position": int, **RECEIPT}, {"log": str, "first": int, "entries": list}]

def is_kind(value, kind):
    if kind is list: return type(value) is list and all(is_kind(each, str) for each in value)
    return type(value) is kind and ("\0" not in value if kind is str else abs(value) < 2**53)

def line_of(number, data):
    """A line of an export, a receipt or entries of a log: in the one form that it is written in, to the byte."""
    try:
        text = data.removesuffix(b"\n").decode()
        line = read_json(text)
        if type(line) is dict and any(list(line) == list(form) and all(is_kind(line[name], kind) for name, kind in form.items()) for form in FORMS):
            if json.dumps(line, ensure_ascii=False, separators=(",", ":")) == text: return line
    except (ValueError, RecursionError): pass
    raise ValueError(f"line {number} is none of an export")

def time_of(at):
    """Nothing where it is no time as receipts have it."""
    if not isinstance(at, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at): return ""
    try: datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError: return ""
    return at

def commit_of(body):
    """What the bytes of a receipt say; an empty object when they are none."""
    try: commit = read_json(body)
    except (ValueError, RecursionError): return {}, False
    if not isinstance(commit, dict): return {}, False
    stream, at, previous = commit.get("stream"), commit.get("at"), commit.get("previousHash", 0)
    return commit, isinstance(stream, str) and bool(re.fullmatch("[^/]+/[^/]+/[^/]+", stream)) and isinstance(at, str) and (previous is None or isinstance(previous, str))

def events_of(commit):
    events = commit.get("events")
    return [event for event in events if isinstance(event, dict) and isinstance(event.get("data"), dict)] if isinstance(events, list) else []

def main(export, vkey, kept_files):
    vkey = parse_vkey(open(vkey).read() if "+" not in vkey else vkey)
    receipts, lines_of, entries, shown, tenants, end = {}, {}, {}, {}, set(), float("inf")
    with (gzip.open if export.endswith(".gz") else open)(export, "rb") as lines:
        for number, line in ((number, line_of(number, data)) for number, data in enumerate(lines, 1) if data != b"\n"):
            if "log" in line:
                if line["log"] == vkey[0]:
                    for leaf, entry in enumerate(line["entries"], line["first"]):
                        if leaf in entries: fault("log-altered", f"leaf {leaf} stands there twice"); end = min(end, leaf + 1)
                        else: entries[leaf] = entry
                continue
            place = (line["stream"], line["index"])
            if place in receipts: fault("inserted", f"{place[0]}@{place[1]} stands there twice"); continue
            receipts[place], lines_of[place] = (line["hash"], line["body"]), number
    if not receipts: raise ValueError(f"{export} holds no receipt")
    streams = {}
    for (stream, index), _ in receipts.items(): streams.setdefault(stream, []).append(index)
    times_of, whole = {}, set()
    for stream, indexes in streams.items():                                       # the chain of each stream
        previous, before, expected, last = None, "", 0, 0
        for index in sorted(indexes):
            said, body = receipts[stream, index]; ref = f"{stream}@{index}"
            if sha(body.encode()).hex() == said: whole.add((stream, index))
            else: fault("altered", f"{ref}: its bytes have another hash")
            commit, readable = commit_of(body)
            at = commit["at"] if readable else before
            if not readable: fault("unreadable", f"{ref}: its bytes are no receipt")
            else:
                if (commit["stream"], commit.get("index")) != (stream, index): fault("misplaced", f"{ref}: says that it is {commit['stream']}@{commit.get('index')}")
                if index > expected: fault("missing", f"{ref}: {expected} to {index - 1} before it are not there")
                elif index < expected: fault("reordered", f"{ref}: no stream begins there")
                elif commit["previousHash"] != previous: fault("inserted", f"{ref}: does not follow from the one before it")
                if at < before: fault("backdated", f"{ref}: is of {at}, and the one before it of {before}")
            if lines_of[stream, index] < last: fault("reordered", f"{ref}: stands before the one that it follows")
            previous, before, expected, last = said, at, index + 1, lines_of[stream, index]
            times_of[stream, index] = time_of(commit.get("at"))
            for event in events_of(commit) if re.fullmatch("[^/]+/log/checkpoints", stream) else []:
                data = event["data"]
                if event.get("type") == "CheckpointSigned" and data.get("origin") == vkey[0] and isinstance(data.get("note"), str):
                    tenants.add(stream.split("/")[0])
                    found = checkpoint(ref, data["note"], vkey)
                    if found and shown.get(found[0], found[1]) != found[1]: fault("split-view", f"{ref}: another root was signed over {found[0]} leaves")
                    if found: shown[found[0]] = found[1]
    kept = [(file, checkpoint(file, open(file, encoding="utf-8", newline="\n").read(), vkey)) for file in kept_files]
    kept = [(file, found) for file, found in kept if found]
    if not shown and not any(kind in ("forged", "other-key") for kind, _ in faults): fault("other-key", f"no checkpoint of the log {vkey[0]} is there")
    if len(tenants) > 1: fault("split-view", f"{sorted(tenants)} say that they have the log {vkey[0]}")
    newest = max(shown, default=0)

    tree, heads, logged, believed = Tree(), {}, {}, 0                              # the entries give the signed roots
    for leaf in range(min(len(entries), end)):
        if leaf not in entries: fault("log-altered", f"leaf {leaf} is not there"); break
        entry = entries[leaf]; tree.push(entry)
        read = re.fullmatch(r"commit (\S+)@([0-9]{1,12}) ([0-9a-f]{64})", entry)
        if read:
            place = (read[1], int(read[2])); heads[read[1]] = (place[1], read[3])
            if place in logged: fault("log-altered", f"{read[1]}@{read[2]} is in the log twice")
            logged[place] = (leaf, read[3])
        if tree.size in shown:
            if tree.root() != shown[tree.size]: fault("log-altered", f"leaves {believed} to {leaf} don't give the root that was signed")
            else:
                believed = tree.size
                if believed == newest and entry != f"heads {len(heads)} {heads_hash(heads)}": fault("log-altered", "another list of streams was signed")
        for file, (size, root) in kept:
            if size == tree.size and root != tree.root(): fault("split-view", f"{file}: another root was signed over {size} leaves")
    for size in shown:
        if size > tree.size: fault("log-altered", f"the log ends at {tree.size} of {size} leaves")
    if shown and tree.size > newest: fault("rolled-back", f"the log goes on after the newest checkpoint, of {newest} leaves")
    for file, (size, _) in kept:
        if size > newest: fault("rolled-back", f"{file} is of {size} leaves, the newest of the export of {newest}")

    logged = {place: said for place, (leaf, said) in logged.items() if leaf < believed}   # receipts are what was logged
    ends = {}
    for stream, index in logged: ends[stream] = max(index, ends.get(stream, -1))
    for (stream, index), said in logged.items():
        if stream not in streams and index == ends[stream]: fault("missing", f"{stream} was deleted")
        elif stream in streams and (stream, index) not in receipts: fault("missing", f"{stream}@{index} was dropped")
        elif stream in streams and receipts[stream, index][0] != said: fault("rewritten", f"{stream}@{index} is another one than was logged")
    covered = [place for place in logged if place in receipts and receipts[place][0] == logged[place]]
    latest = max((times_of[place] for place in covered if place in whole), default="")            # of altered bytes it is nobody's
    early = (datetime.strptime(latest, "%Y-%m-%dT%H:%M:%S.%fZ") - timedelta(seconds=300)).isoformat(timespec="milliseconds") + "Z" if latest else ""
    newer = [place for place in receipts if place not in logged and place[0].split("/")[0] in tenants]
    for stream, index in newer:
        if index <= ends.get(stream, -1) or times_of[stream, index] < early: fault("inserted", f"{stream}@{index} is not in the log, which is newer")
    for kind, message in faults: print(f"{kind:12} {message}")
    others = Counter(tenant for tenant in (stream.split("/")[0] for stream, _ in receipts) if tenants and tenant not in tenants)
    holds = "it does NOT hold" if faults else "it holds"
    print(f"{vkey[0]}: {len(shown)} checkpoints, {tree.size} leaves, {len(covered)} receipts as logged, {len(newer)} not in the log"
          + (f"; {sum(others.values())} of other tenants ({', '.join(sorted(others))}) are NOT covered by this key; of the rest: {holds}" if others else f": {holds}"))
    return 1 if faults else 0

if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")
    try:
        if len(sys.argv) < 3: raise ValueError(__doc__)
        code = main(sys.argv[1], sys.argv[2], sys.argv[3:])
    except (OSError, EOFError, ValueError, zlib.error) as error: print(error, file=sys.stderr); code = 2
    sys.exit(code)
