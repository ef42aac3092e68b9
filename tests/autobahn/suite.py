"""The Python side of tests/autobahn/run: port, run and report.

port PACKAGES                make autobahntestsuite 25.10.1, installed in PACKAGES, run on Python 3
fuzz SPEC URL OUT [CASE…]    what `wstest -m fuzzingclient` does: run the cases of SPEC against URL
report SPEC OUT [CASE…]      count and list the results in OUT; exit 1 unless every case passed

Autobahn's test suite is Python 2 only, where a str is bytes. The port keeps the cases as they
are: a str stands for bytes, one character each (Latin-1), and is turned into bytes and back
where it meets the WebSocket library. Everything else is the work of the 2to3 fixers.
"""

import collections
import json
import pathlib
import subprocess
import sys

LATIN1 = '''
import binascii


def raw(s):
    return s.encode("latin-1") if isinstance(s, str) else s


def chars(b):
    return bytes(b).decode("latin-1") if isinstance(b, (bytes, bytearray)) else b


def hexed(s):
    return binascii.b2a_hex(raw(s)).decode()


class Latin1:
    """Goes before the protocol classes: bytes below, Latin-1 strings above."""

    def sendFrame(self, opcode, payload=b"", **rest):
        super().sendFrame(opcode, raw(payload), **rest)

    def sendMessage(self, payload, *rest, **named):
        super().sendMessage(raw(payload), *rest, **named)

    def sendMessageFrameData(self, payload, *rest):
        return super().sendMessageFrameData(raw(payload), *rest)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        super().sendCloseFrame(code, raw(reasonUtf8), isReply)

    def onMessage(self, payload, isBinary):
        super().onMessage(chars(payload), isBinary)

    def onPong(self, payload):
        super().onPong(chars(payload))
'''

IMPORT = "from autobahntestsuite.latin1 import hexed, raw, chars, Latin1\n"

# (file, what stands there, how often, what shall stand there)
EDITS = [
    ("fuzzing.py", "import os, json, binascii,", 1, IMPORT + "import os, json, binascii,"),
    ("fuzzing.py", "binascii.b2a_hex(", 5, "hexed("),
    ("fuzzing.py", '" ..."\n   try:', 1, '" ..."\n   data = chars(data)\n   try:'),
    ("fuzzing.py", "dd.decode('utf8'", 1, "raw(dd).decode('utf8'"),
    ("fuzzing.py", "p = ''.join(payload)", 1, "p = b''.join(payload)"),
    ("fuzzing.py", '": self.localCloseReason', 1, '": chars(self.localCloseReason)'),
    ("fuzzing.py", '": self.http_request_data if', 1, '": chars(self.http_request_data) if'),
    ("fuzzing.py", '": self.http_response_data if', 1, '": chars(self.http_response_data) if'),
    ("fuzzing.py", "report_filename), 'w')", 4,
     "report_filename), 'w', encoding='latin-1', errors='xmlcharrefreplace')"),
    ("fuzzing.py", 'f.write((\'         <tr class="stats_row"', 1,
     'f.write(chars((\'         <tr class="stats_row"'),
    ("fuzzing.py", 'c[1])).encode("utf-8"))', 1, 'c[1])).encode("utf-8")))'),
    ("fuzzing.py", "ll.encode('utf8')", 1, "chars(ll.encode('utf8'))"),
    ("fuzzing.py", "FuzzingClientProtocol(FuzzingProtocol,", 1,
     "FuzzingClientProtocol(Latin1, FuzzingProtocol,"),
    ("case/__init__.py", "from case9_9_1 import *\n", 1, ""),  # in no list of cases
    ("case/case6_x_x.py", "v.validate(vss[:i])", 1, "v.validate(raw(vss[:i]))"),
    ("case/case10_1_1.py", "len(self.payload) / self.p", 1, "len(self.payload) // self.p"),
    ("../autobahn/websocket/protocol.py", "payload_len / len(payload)", 1,
     "payload_len // len(payload)"),
]


def port(packages):
    suite = pathlib.Path(packages) / "autobahntestsuite"
    for name, old, count, new in EDITS:
        content = (suite / name).read_text("latin-1")
        if content.count(old) != count:
            sys.exit(f"{name}: expected {old!r} {count} times, found it {content.count(old)} times")
        (suite / name).write_text(content.replace(old, new), "latin-1")
    for case in (suite / "case").glob("case*.py"):
        content = case.read_text("latin-1")
        # With this coding a literal like "\xc2\xb5" or "µ" keeps the bytes that Python 2 saw.
        content = content.replace("# coding=utf-8", "# coding=latin-1")
        content = content.replace("(object, Case, )", "(Case, )")
        content = content.replace("binascii.b2a_hex(", "hexed(")
        content = content.replace("from case import Case\n", IMPORT + "from case import Case\n", 1)
        case.write_text(content, "latin-1")
    (suite / "latin1.py").write_text(LATIN1)
    (suite / "__init__.py").write_text("from ._version import __version__ as version\n")
    subprocess.run(
        [sys.executable, "-m", "fissix", "--write", "--nobackups", "--no-diffs",
         *(str(suite / part) for part in ("fuzzing.py", "caseset.py", "report.py", "case"))],
        check=True, capture_output=True)


def wanted(spec, only):
    """The specification, and the cases it names; those that match `only` where that is given."""
    from autobahntestsuite import case, caseset

    spec = json.loads(pathlib.Path(spec).read_text())
    if only:
        spec["cases"] = list(only)
    every = caseset.CaseSet(
        case.CaseSetname, case.CaseBasename, case.Cases, case.CaseCategories,
        case.CaseSubCategories)
    cases = [c for c in every.parseSpecCases(spec) if c in every.CasesById]
    if not cases:
        sys.exit("no such case")
    return spec, cases


def fuzz(spec, url, out, *only):
    from twisted.internet import reactor
    from twisted.python import log
    from autobahntestsuite import fuzzing

    errors = []

    def observe(event):
        # A mistake in the port must not pass as a verdict on the server.
        if event["isError"]:
            errors.append(event)
            print(log.textFromEventDict(event), file=sys.stderr)

    log.addObserver(observe)
    spec, cases = wanted(spec, only)
    spec["cases"] = cases
    spec["outdir"] = out
    spec["servers"][0]["url"] = url
    fuzzing.startClient(spec)
    reactor.run()
    return 1 if errors else 0


# What Autobahn shows in green, yellow or blue; everything else is a failure.
PASSED = {
    "OK": "as strict as can be",
    "NON-STRICT": "conformant, though not as strict as could be",
    "INFORMATIONAL": "the standard leaves it open; no verdict",
}
# Autobahn's verdict on a case is its behavior alone; how it was closed must be right here too.
CLOSED = {"OK", "INFORMATIONAL"}
SHOWN = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED"]


def report(spec, out, *only):
    cases = wanted(spec, only)[1]
    index = pathlib.Path(out) / "index.json"
    results = next(iter(json.loads(index.read_text()).values()), {}) if index.exists() else {}
    missing = {"behavior": "MISSING", "behaviorClose": "MISSING", "remoteCloseCode": None}
    failed = []
    for key in ("behavior", "behaviorClose"):
        counts = collections.Counter(results.get(c, missing)[key] for c in cases)
        names = SHOWN + sorted(set(counts) - set(SHOWN))
        print(f"{key:14}" + ", ".join(f"{name} {counts[name]}" for name in names))
    for c in cases:
        result = results.get(c, missing)
        good = result["behavior"] in PASSED and result["behaviorClose"] in CLOSED
        if good and result["behavior"] == "OK":
            continue
        line = f"{c}: {result['behavior']}, closed {result['behaviorClose']}, " \
               f"close code {result['remoteCloseCode']}"
        if good:
            print(f"  passed  {line} ({PASSED[result['behavior']]})")
        else:
            print(f"  FAILED  {line}")
            failed.append(c)
    print(f"{len(cases) - len(failed)} of {len(cases)} cases pass; details in {out}/index.html")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit({"port": port, "fuzz": fuzz, "report": report}[sys.argv[1]](*sys.argv[2:]))
