"""Looks at roomd through a Prometheus that scrapes it: the accounting, the dashboard, the alerts and the page of figures.

    check.py PROMETHEUS METRICS SCRAPE

PROMETHEUS is the address of the Prometheus, METRICS that of the figures; the last scrape is written to the file SCRAPE.
"""

import json
import re
import sys
import time
import urllib.parse
import urllib.request

prometheus, metrics, scrape_file = sys.argv[1:]

# What Prometheus makes itself of a scrape.
OF_PROMETHEUS = {"up"}
# Words of PromQL that look like names of figures.
FIGURE = re.compile(r"\b(?:roomd|process)_[a-z_]+|\bup\b")


def query(expression):
    address = f"{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        sys.exit(f"{expression}: {error.read().decode()}")


def wait_for_target():
    for _ in range(100):
        try:
            if [row["value"][1] for row in query("up")] == ["1"]:
                return
        except OSError:
            pass  # It has not started to listen.
        time.sleep(0.2)
    sys.exit(f"Prometheus does not see the server: up = {query('up')}")


def check_accounting():
    """Deliveries balance in every scrape."""
    names = ["enqueued_total", "written_total", "dropped_total", "pending", "conflated_total"]
    series = [query(f"roomd_deliveries_{name}[10m]")[0]["values"] for name in names]
    moments = [{at: float(value) for at, value in values} for values in series]
    common = set(moments[0]).intersection(*moments[1:])
    for at in sorted(common):
        enqueued, written, dropped, pending, conflated = (values[at] for values in moments)
        if enqueued != written + dropped + conflated + pending:
            sys.exit(f"at {at}: {enqueued} enqueued, {written} written, {dropped} dropped, {conflated} conflated, {pending} pending")
    last = max(common)
    enqueued, written, dropped, pending, _ = (values[last] for values in moments)
    if len(common) < 5 or dropped == 0 or max(moments[3].values()) == 0:
        sys.exit(f"the load was none: {len(common)} scrapes, {dropped} dropped, {max(moments[3].values())} pending")
    print(f"{len(common)} scrapes balance: {enqueued:.0f} = {written:.0f} written + {dropped:.0f} dropped + {pending:.0f} pending")


def scrape():
    """The names of the figures, after the last scrape was kept in a file."""
    context = None
    if metrics.startswith("https:"):
        import ssl

        context = ssl._create_unverified_context()
    with urllib.request.urlopen(metrics, timeout=10, context=context) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), answer.headers
        text = answer.read().decode()
    with open(scrape_file, "w") as file:
        file.write(text)
    return set(re.findall(r"^# TYPE (\S+)", text, re.M))


def is_figure(name, figures):
    family = re.sub(r"_(bucket|sum|count)$", "", name)
    return name in figures or family in figures or name in OF_PROMETHEUS


def is_heading(page, anchor):
    """Whether a page has a heading with this anchor."""
    with open(page) as file:
        headings = [line.lstrip("#").strip() for line in file if re.match("#+ ", line)]
    return anchor in [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def check_dashboard():
    """Every query of the dashboard has an answer, now that there was a load."""
    with open("packaging/grafana.json") as file:
        dashboard = json.load(file)
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids), "two panels have one id"
    queries = 0
    for panel in panels:
        for target in panel["targets"]:
            expression = target["expr"].replace("$job", "roomd").replace("$instance", ".+")
            # Over the whole load: what it has done is long over.
            expression = expression.replace("$__rate_interval", "2m")
            assert "$" not in expression, f"{panel['title']}: a variable that Grafana does not fill in: {expression}"
            rows = query(expression)
            if not rows or any(row["value"][1] == "NaN" for row in rows):
                sys.exit(f"the panel {panel['title']!r} shows nothing: {expression} = {rows}")
            label = re.match(r"^{{(\w+)}}", target["legendFormat"])
            if label and not all(label[1] in row["metric"] for row in rows):
                sys.exit(f"the panel {panel['title']!r} has lines without a name: {rows}")
            queries += 1
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            figure, label = re.match(r"label_values\((\w+).*, (\w+)\)", variable["definition"]).groups()
            if not all(label in row["metric"] for row in query(figure)):
                sys.exit(f"the variable {variable['name']} has no values")
    print(f"{len(panels)} panels of the dashboard, {queries} queries: each has an answer")


def check_alerts(figures):
    """Every alert asks for figures that there are, has a test in which it fires, and does not fire here."""
    address = f"{prometheus}/api/v1/rules"
    with urllib.request.urlopen(address, timeout=10) as answer:
        rules = [rule for group in json.load(answer)["data"]["groups"] for rule in group["rules"]]
    with open("tests/metrics/alerts_test.yml") as file:
        tests = file.read()
    for rule in rules:
        name = rule["name"]
        if rule["health"] != "ok":
            sys.exit(f"{name}: {rule['health']}, {rule.get('lastError')}")
        unknown = [figure for figure in FIGURE.findall(rule["query"]) if not is_figure(figure, figures)]
        if unknown:
            sys.exit(f"{name} asks for what there is not: {unknown}")
        if not re.search(rf'alertname="{name}"|alertname: {name}\n', tests):
            sys.exit(f"no test lets {name} fire")
        if not {"summary", "description"} <= set(rule["annotations"]):
            sys.exit(f"{name} does not say what it means")
        runbook = rule["annotations"].get("runbook")
        if runbook and not is_heading(*runbook.split("#")):
            sys.exit(f"{name}: there is no {runbook}")
        if rule["state"] == "firing":
            sys.exit(f"{name} fires on a server that is well: {rule['alerts']}")
    print(f"{len(rules)} alerts ask for figures that there are, and none fires on a server that is well")


def check_page(figures):
    """docs/metrics.md has a row for each figure, and for none that there is not."""
    with open("docs/metrics.md") as file:
        rows = [line.split("|")[1] for line in file if line.startswith("| `")]
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    # Servers that share a PostgreSQL database alone have these; tests/sockets looks at them.
    explained = {name for name in explained if not name.startswith("roomd_cluster_")}
    if explained != figures:
        sys.exit(f"docs/metrics.md lacks {sorted(figures - explained)}, and has {sorted(explained - figures)}, which there is not")
    print(f"docs/metrics.md explains all of the {len(figures)} figures")


wait_for_target()
check_accounting()
figures = scrape()
check_dashboard()
check_alerts(figures)
check_page(figures)
