"""The part of the CloudWatch Logs Insights query language that the saved queries use, over log lines that functions have
written. Whatever is not in here is refused, so that no query quietly means something else than is believed."""

import json
import re

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<regex>/(?:[^/\\]|\\.)+/)|(?P<number>-?\d+(?:\.\d+)?)
    |(?P<name>@?[A-Za-z_][\w.]*)|(?P<sign>!=|=|\(|\)|\[|\]|,|\*))""",
    re.VERBOSE,
)
WORDS = {"and", "or", "not", "in", "like", "as", "by", "asc", "desc"}


class Rows(list):
    """Rows, and the columns in the order in which they are shown."""

    columns = ()


def read(lines):
    """Log lines, each after the name of the function that wrote it, as rows. A nested value has its path as its name, as
    CloudWatch discovers it."""
    rows = []
    for line in lines:
        function, _, line = line.strip().partition(" ")
        row = {}

        def lay_out(value, name):
            if isinstance(value, dict):
                for key, inner in value.items():
                    lay_out(inner, f"{name}.{key}" if name else key)
            else:
                row[name] = value

        lay_out(json.loads(line), "")
        row["@message"] = line
        # A line of metrics has its time in milliseconds, and no other.
        row["@timestamp"] = row.get("timestamp") or row.get("time") or ""
        row["@log"] = f"123456789012:/steward/steward/{function}"
        rows.append(row)
    return rows


def commands(query):
    """The commands of a query, without comments. A bar within a regular expression or a text is none."""
    text = "\n".join(line for line in query.splitlines() if not line.lstrip().startswith("#"))
    return [part.strip() for part in re.split(r"^\s*\|", text, flags=re.MULTILINE)]


def tokens(text):
    found, at = [], 0
    while at < len(text.rstrip()):
        match = TOKEN.match(text, at)
        assert match, f"not understood: {text[at:]}"
        at = match.end()
        kind = match.lastgroup
        word = match[kind]
        found.append(("word", word) if kind == "name" and word in WORDS else (kind, word))
    return found


class Parser:
    """An expression of `filter`, as a function of a row."""

    def __init__(self, text):
        self.left = tokens(text)
        self.names = set()

    def take(self, *wanted):
        if self.left and self.left[0][1] in wanted:
            return self.left.pop(0)[1]
        return None

    def need(self, wanted):
        assert self.take(wanted), f"{wanted} expected before {self.left[:3]}"

    def whole(self):
        expression = self.either()
        assert not self.left, f"not understood: {self.left}"
        return expression

    def either(self):
        sides = [self.both()]
        while self.take("or"):
            sides.append(self.both())
        return lambda row: any(side(row) for side in sides)

    def both(self):
        sides = [self.one()]
        while self.take("and"):
            sides.append(self.one())
        return lambda row: all(side(row) for side in sides)

    def one(self):
        if self.take("not"):
            inner = self.one()
            return lambda row: not inner(row)
        if self.take("("):
            inner = self.either()
            self.need(")")
            return inner
        if self.take("ispresent"):
            self.need("(")
            name = self.name()
            self.need(")")
            return lambda row: row.get(name) is not None
        return self.comparison()

    def name(self):
        kind, name = self.left.pop(0)
        assert kind == "name", f"a field expected, not {name}"
        self.names.add(name)
        return name

    def value(self):
        kind, text = self.left.pop(0)
        assert kind in ("text", "number"), f"a value expected, not {text}"
        return json.loads(text)

    def comparison(self):
        name = self.name()
        negated = bool(self.take("not"))
        sign = self.take("=", "!=", "in", "like")
        assert sign and not (negated and sign in ("=", "!=")), f"no comparison: {name} {self.left[:2]}"
        if sign == "in":
            self.need("[")
            values = [self.value()]
            while self.take(","):
                values.append(self.value())
            self.need("]")
            return lambda row: row.get(name) is not None and (row[name] in values) != negated
        if sign == "like":
            kind, text = self.left.pop(0)
            assert kind == "regex", "like takes a regular expression here"
            pattern = re.compile(text[1:-1])
            return lambda row: row.get(name) is not None and bool(pattern.search(str(row[name]))) != negated
        value = self.value()
        # What a comparison with nothing is, AWS does not say. Here it is false, and no query may build on it.
        return lambda row: row.get(name) is not None and (row[name] == value) == (sign == "=")


STATISTIC = re.compile(r"(count|max|min|latest|pct)\((\*|[@\w.]+)(?:,\s*(\d+))?\) as (\w+)")


def statistic(kind, name, percent, rows):
    values = [row[name] for row in rows if row.get(name) is not None] if name != "*" else rows
    if kind == "count":
        return len(values)
    if not values:
        return None
    if kind == "latest":
        return max((row for row in rows if row.get(name) is not None), key=lambda row: row["@timestamp"])[name]
    if kind == "pct":
        return sorted(values)[min(len(values) - 1, len(values) * int(percent) // 100)]
    return {"max": max, "min": min}[kind](values)


def run(query, rows):
    """What a query answers over these rows, and the names of all fields of log lines that it reads."""
    shown, names, made, rows = (), set(), set(), list(rows)
    for command in commands(query):
        verb, _, rest = command.partition(" ")
        if verb == "fields":
            shown = tuple(name.strip() for name in rest.split(","))
            names |= set(shown)
        elif verb == "filter":
            parser = Parser(rest)
            holds = parser.whole()
            names |= parser.names
            rows = [row for row in rows if holds(row)]
        elif verb == "parse":
            name, pattern = re.fullmatch(r"(\S+) /(.+)/", rest).groups()
            names.add(name)
            pattern = re.compile(pattern.replace("(?<", "(?P<"))
            made |= set(pattern.groupindex)
            found = [pattern.search(str(row.get(name, ""))) for row in rows]
            rows = [row | (match.groupdict() if match else {}) for row, match in zip(rows, found)]
        elif verb == "sort":
            name, direction = re.fullmatch(r"([@\w.]+) (asc|desc)", rest).groups()
            names.add(name)
            rows.sort(key=lambda row: row[name], reverse=direction == "desc")
        elif verb == "dedup":
            names.add(rest)
            first = {}
            for row in rows:
                first.setdefault(row[rest], row)
            rows = list(first.values())
        elif verb == "limit":
            rows = rows[: int(rest)]
        elif verb == "stats":
            what, _, by = rest.rpartition(" by ")
            keys = [key.strip() for key in by.split(",")]
            wanted = STATISTIC.findall(what)
            assert ", ".join(match[0] for match in STATISTIC.finditer(what)) and len(wanted) == what.count(" as "), what
            names |= set(keys) | {name for _, name, _, _ in wanted if name != "*"}
            groups = {}
            for row in rows:
                groups.setdefault(tuple(row.get(key) for key in keys), []).append(row)
            rows = [
                dict(zip(keys, group)) | {label: statistic(kind, name, percent, of) for kind, name, percent, label in wanted}
                for group, of in groups.items()
            ]
            labels = [label for *_, label in wanted]
            made |= set(labels)
            shown = (*keys, *labels)
        else:
            raise AssertionError(f"{verb} is not known here")
    answer = Rows(rows)
    answer.columns = shown
    return answer, names - made
