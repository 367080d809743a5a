"""A page of `refocus report` against `refocus table --format json`: check_page.py PAGE.html TABLE.json

The page must be well formed, its data valid JSON, and every figure of the table must stand in it, in its row and
column. Uses the standard library alone; prints what is wrong and exits with 1.
"""
import html.parser
import json
import sys

VOID = {"meta", "br", "input", "img", "link", "hr", "col"}


class Page(html.parser.HTMLParser):
    """Tables as rows of cell texts, the data script, and whether tags nest."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.ids = [], [], []
        self.tables, self.cell, self.data, self.scripts = [], None, "", 0

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "script":
            self.scripts += 1
        if tag == "table":
            self.tables.append({"caption": "", "class": attributes.get("class"), "rows": []})
        if tag == "tr":
            self.tables[-1]["rows"].append([])
        if tag in ("td", "th"):
            self.tables[-1]["rows"][-1].append("")
        if tag not in VOID:
            self.open.append((tag, attributes))

    def handle_startendtag(self, tag, attributes):  # of SVG: <path .../>
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.wrong.append("line %d: </%s> closes %s" % (self.getpos()[0], tag, self.open[-1:]))
        else:
            self.open.pop()

    def handle_data(self, data):
        tags = [tag for tag, _ in self.open]
        if "td" in tags or "th" in tags:
            self.tables[-1]["rows"][-1][-1] += data
        elif "caption" in tags:
            self.tables[-1]["caption"] += data
        elif tags and tags[-1] == "script" and self.open[-1][1].get("id") == "data":
            self.data += data


def main(page_path, table_path):
    page = Page()
    with open(page_path, encoding="utf-8") as file:
        page.feed(file.read())
    page.close()
    with open(table_path, encoding="utf-8") as file:
        table = json.load(file)
    wrong = page.wrong
    wrong += ["<%s> is not closed" % tag for tag, _ in page.open]
    if len(page.ids) != len(set(page.ids)):
        wrong.append("an id stands twice")
    if page.scripts != 2:
        wrong.append("%d scripts, expected data and program" % page.scripts)
    data = json.loads(page.data)
    rows = [row for row in table["rows"] if not row["is_uniform_attention"]]
    if [row["label"] for row in data["rows"]] != [row["label"] for row in rows]:
        wrong.append("rows of the data are not those of the table: %s" % data["rows"])
    if not (data["curves"] and data["attention"]["samples"] and data["memory"]):
        wrong.append("no curves, samples or memory in the data")
    n_figures = 0
    for column in table["columns"]:
        found = [t for t in page.tables if t["caption"] == column["section"]]
        if len(found) != 1:
            wrong.append("no table called '%s'" % column["section"])
            continue
        head = [cell.split(" ")[0] for cell in found[0]["rows"][0]]
        places = [i for i, cell in enumerate(found[0]["rows"][0]) if cell.rstrip(" ↑↓") == column["header"]]
        for row in table["rows"]:
            value = row["values"][column["key"]]
            line = [cells for cells in found[0]["rows"][1:] if cells[0].rstrip(" ↗") == row["label"]]
            if value is None:
                continue
            n_figures += 1
            if len(line) != 1 or not any(line[0][i] == value["text"] for i in places):
                wrong.append("%s of %s: '%s' is not in %s %s" % (column["key"], row["label"], value["text"], head, line))
    answer = [t for t in page.tables if t["class"] == "answer"][0]
    if len(answer["rows"]) != len(rows) + 1:
        wrong.append("the answer has %d rows" % len(answer["rows"]))
    for row, cells in zip(rows, answer["rows"][1:]):
        difference = row["values"].get(table["metric"] + "_difference")
        verdict = row["values"].get("verdict")
        if difference and difference["text"] not in cells[1]:
            wrong.append("answer, %s: no difference %s in %s" % (row["label"], difference["text"], cells))
        if verdict and verdict["text"] not in cells[2]:
            wrong.append("answer, %s: no verdict %s in %s" % (row["label"], verdict["text"], cells))
    if n_figures < 20:
        wrong.append("only %d figures were compared" % n_figures)
    print("\n".join(wrong) or "%d figures" % n_figures)
    return bool(wrong)


sys.exit(main(*sys.argv[1:]))
