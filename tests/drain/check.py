"""Looks at the report of a load that went through a drain and a restart.

    check.py REPORT CLIENTS
"""

import json
import sys

# What the goodbyes ask for: see RETURNS_PER_S and WINDOW_MIN in src/engine/guards/draining.rs.
USUAL_PER_S = 500
WINDOW_MIN_S = 4
BACK_WITHIN_S = 30

with open(sys.argv[1]) as file:
    report = json.load(file)
clients = int(sys.argv[2])
returns = report["returns"]
usual = min(USUAL_PER_S, clients / WINDOW_MIN_S)
print(f"{returns['goodbyes']} clients were told goodbye, {returns['back']} are back after {returns['back_after_s']:.1f} s")
print(f"at most {returns['most_in_1_s']} came in a second; usual are {usual:.0f} a second")
print(f"{returns['in_vain']} attempts were in vain; {returns['resent']} messages were sent again")
print(f"{report['messages']['published']} messages, {report['deliveries']['delivered']} deliveries")
print(f"missing: {report['excuses']}; faults: {report['faults']}")
wrong = []
if not report["kept"]:
    wrong.append(f"the server broke a promise: {report['trouble']}")
if returns["goodbyes"] != clients or returns["back"] != clients:
    wrong.append("not all went, or not all came back")
if returns["back_after_s"] > BACK_WITHIN_S:
    wrong.append(f"it took longer than {BACK_WITHIN_S} s")
if returns["most_in_1_s"] > 2 * usual:
    wrong.append("too many came at once")
if sum(report["excuses"].values()) > 0:
    wrong.append("something is missing")
sys.exit("; ".join(wrong) or None)
