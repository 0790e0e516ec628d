# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dashboard is, apart from where it is stored: loading, inputs, comparison. No I/O. Private."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import re

from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import GrafanaError

# Belongs to an export or to one server, not to the dashboard. gnetId as a number even keeps Grafana 12 from saving.
DROPPED = ("__inputs", "__requires", "__elements", "id", "version", "iteration", "gnetId")

# Data sources that every Grafana has: an export lists them as inputs all the same.
BUILT_IN = {"__expr__": "__expr__", "grafana": "-- Grafana --", "mixed": "-- Mixed --", "dashboard": "-- Dashboard --"}

REFERENCE = re.compile(r"\$\{([^}:]+)\}\Z")
MARK = re.compile(r"\[redisops ([0-9a-f]{16}) v([0-9]+)\]")


# --- loading -------------------------------------------------------------------------------------------------------


def canonical_sha256(document):
    """The digest that pins a dashboard: of sorted, compact JSON, so that white space does not matter."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def parse(text, origin):
    try:
        return json.loads(text)
    except ValueError as exc:
        raise GrafanaError("%s is not JSON: %s" % (origin, exc)) from exc


def check_pin(document, pin, origin):
    wanted = pin.strip().lower()
    if wanted.startswith("sha256:"):
        wanted = wanted[len("sha256:") :]
    if not re.match(r"[0-9a-f]{64}\Z", wanted):
        raise GrafanaError("sha256 %r is not 64 hexadecimal digits" % pin)
    found = canonical_sha256(document)
    if found != wanted:
        raise GrafanaError(
            "%s has the canonical sha256 %s, but %s was asked for: nothing stored" % (origin, found, wanted)
        )


def unwrap(document, origin):
    """The dashboard in a document, which may be an answer of Grafana's API or a Kubernetes-style resource."""
    if isinstance(document, dict) and isinstance(document.get("dashboard"), dict) and "panels" not in document:
        document = document["dashboard"]
    if isinstance(document, dict) and document.get("kind") == "Dashboard" and isinstance(document.get("spec"), dict):
        document = document["spec"]
    if isinstance(document, dict) and isinstance(document.get("elements"), dict) and "layout" in document:
        raise GrafanaError("%s is a dashboard of schema v2: export it as classic JSON" % origin)
    known = isinstance(document, dict) and isinstance(document.get("title"), str) and document["title"].strip()
    if not known or not any(key in document for key in ("panels", "rows", "schemaVersion", "templating")):
        raise GrafanaError("%s is not a dashboard: it has no title, or no panels" % origin)
    for key in ("panels", "rows", "tags", "links", "__inputs"):
        if not isinstance(document.get(key, []), (list, type(None))):
            raise GrafanaError("%s is not a dashboard: its %s are no list" % (origin, key))
    for key in ("panels", "rows"):
        if not all(isinstance(entry, dict) for entry in document.get(key) or []):
            raise GrafanaError("%s is not a dashboard: one of its %s is no object" % (origin, key))
    for key in ("templating", "annotations"):
        entries = document.get(key) or {}
        if not isinstance(entries, dict) or not isinstance(entries.get("list") or [], list):
            raise GrafanaError("%s is not a dashboard: its %s hold no list" % (origin, key))
    return document


def is_v2(dashboard):
    """Whether it has the layout of schema v2, which this server could not give in the classic one."""
    return isinstance(dashboard.get("elements"), dict) and "panels" not in dashboard


def from_resource(resource, uid):
    """A Kubernetes-style dashboard as the older API would give it; without `panels` where it could not be converted."""
    metadata, spec = resource.get("metadata") or {}, resource.get("spec")
    notes = metadata.get("annotations") or {}
    if not isinstance(spec, dict) or not spec:
        spec = {"title": uid, "elements": {}}
    meta = {
        "apiVersion": "v2",
        "folderUid": notes.get("grafana.app/folder") or "",
        "provisioned": bool(notes.get("grafana.app/managedBy")),
        "updated": notes.get("grafana.app/updatedTimestamp") or metadata.get("creationTimestamp"),
        "url": "/d/" + uid,
        "version": metadata.get("generation"),
    }
    return {"dashboard": dict(spec, uid=uid, version=metadata.get("generation")), "meta": meta}


# --- inputs --------------------------------------------------------------------------------------------------------


def walk_strings(node, key=None, parent=None):
    """(string, is it a reference to a data source) of every string in it."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from walk_strings(value, name, key)
    elif isinstance(node, list):
        for value in node:
            yield from walk_strings(value, key, parent)
    elif isinstance(node, str):
        yield node, key == "datasource" or (key == "uid" and parent == "datasource")


def template_variables(document):
    templating = document.get("templating")
    entries = templating.get("list") if isinstance(templating, dict) else None
    entries = entries if isinstance(entries, list) else []
    return {entry["name"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)}


def input_values(document, given):
    """The value of every input; GrafanaError names those without one."""
    values, missing = {}, {}
    for entry in document.get("__inputs") or []:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not name or not isinstance(name, str):
            continue
        kind = entry.get("type") or "constant"
        default = BUILT_IN.get(str(entry.get("pluginId"))) if kind == "datasource" else entry.get("value")
        value = given.get(name, default)
        if value is None or value == "":
            missing[name] = "%s %s" % (kind, entry.get("pluginId")) if entry.get("pluginId") else kind
        else:
            values[name] = value if isinstance(value, str) else json.dumps(value)
    # A data source that is neither declared nor a template variable can only be an input that an editor lost.
    variables = template_variables(document)
    for text, is_datasource in walk_strings({key: one for key, one in document.items() if key != "__inputs"}):
        match = REFERENCE.match(text) if is_datasource else None
        name = match.group(1) if match else None
        if name and name not in values and name not in variables and name not in missing:
            if given.get(name):
                values[name] = str(given[name])
            else:
                missing[name] = "datasource"
    if missing:
        listed = ", ".join("%s (%s)" % pair for pair in sorted(missing.items()))
        raise GrafanaError("inputs has no value for %s" % listed)
    return values


def fill_in(node, values):
    """Replaces ${NAME} in every string. $NAME and ${NAME:format} are the template variable of that name, if any."""
    if isinstance(node, dict):
        return {key: fill_in(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [fill_in(value, values) for value in node]
    if isinstance(node, str) and "${" in node:
        return re.sub(r"\$\{([^}]+)\}", lambda match: values.get(match.group(1), match.group(0)), node)
    return node


def prepare(document, uid, inputs=None, overrides=None, source=None):
    """The dashboard to store: inputs filled in, freed of what belongs to an export, with its origin as a tag."""
    values = input_values(document, inputs or {})
    dashboard = fill_in({key: value for key, value in document.items() if key not in DROPPED}, values)
    dashboard.update((key, copy.deepcopy(value)) for key, value in (overrides or {}).items() if key not in DROPPED)
    origin = source or ("gnet:%s" % document["gnetId"] if document.get("gnetId") else None)
    if origin:
        tags = [tag for tag in dashboard.get("tags") or [] if tag != origin]
        dashboard["tags"] = tags + [origin]
    dashboard["uid"] = uid
    return dashboard


# --- comparison ----------------------------------------------------------------------------------------------------


def bare(dashboard):
    """Without what the server counts and numbers."""
    return {key: value for key, value in dashboard.items() if key not in ("id", "version")}


def equal(one, other):
    """As JSON: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(equal(*pair) for pair in zip(one, other))
    return one == other


def digest(dashboard):
    """Short name for a content, for the mark in a version's message."""
    return canonical_sha256(bare(dashboard))[:16]


def mark(message, dashboard, version):
    """The message of a version that says which content we stored as which version."""
    return "%s [redisops %s v%d]" % (message or "Stored by Ansible", digest(dashboard), version)


def marked_digest(entry, content=None):
    """
    The digest in an entry of the history, if the entry is ours. A copied message names a version before. One that comes
    later is named where the storage of another Grafana counts anew: then the content has to be the one of the digest.
    """
    found, version = MARK.search(entry.get("message") or ""), entry.get("version")
    if not found or not isinstance(version, int):
        return None
    named = int(found.group(2))
    ours = named == version or named > version and content is not None and found.group(1) == digest(content)
    return found.group(1) if ours else None


class Missing:
    """Stands for what is not there."""


def names_of(items):
    """What to call the entries of a list of objects: by a key that tells all of them apart, or None."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    for key in ("refId", "name", "title", "id"):
        names = [item.get(key) for item in items]
        if all(isinstance(name, (str, int)) and name != "" for name in names) and len(set(names)) == len(names):
            return key
    return None


def differences(before, after, path=""):
    """(path, value before, value after) of every place that differs; entries of lists are matched by name."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(set(before) | set(after), key=str):
            deeper = "%s.%s" % (path, key) if path else str(key)
            yield from differences(before.get(key, Missing), after.get(key, Missing), deeper)
    elif isinstance(before, list) and isinstance(after, list):
        yield from list_differences(before, after, path)
    elif before is Missing or after is Missing or not equal(before, after):
        yield path, before, after


def list_differences(before, after, path):
    key = names_of(before)
    if key and names_of(after) and all(isinstance(item.get(key), (str, int)) and item[key] != "" for item in after):
        old, new = ({item[key]: item for item in items} for items in (before, after))
        if len(new) == len(after):
            for name in sorted(set(old) | set(new), key=str):
                deeper = "%s[%s]" % (path, name)
                yield from differences(old.get(name, Missing), new.get(name, Missing), deeper)
            if [name for name in old if name in new] != [name for name in new if name in old]:
                yield path + " (order)", list(old), list(new)
            return
    if not equal(before, after):
        if len(before) == len(after) and any(isinstance(item, (dict, list)) for item in before):
            for number, pair in enumerate(zip(before, after)):
                yield from differences(pair[0], pair[1], "%s[%d]" % (path, number))
        else:
            yield path, before, after


def as_diff(found):
    """Ansible's before and after, holding only the places that differ."""
    found = list(found)
    return {
        "before": {path: old for path, old, _new in found if old is not Missing},
        "after": {path: new for path, _old, new in found if new is not Missing},
    }


def summary(dashboard, folder):
    """For the diff of a dashboard that comes or goes as a whole."""
    if dashboard is None:
        return {}
    panels = ["%s: %s" % (panel.get("type"), panel.get("title") or "") for panel in flat_panels(dashboard)]
    view = {"uid": dashboard.get("uid"), "title": dashboard.get("title"), "folder": folder, "panels": panels}
    return dict(view, tags=dashboard.get("tags") or [], variables=sorted(map(str, template_variables(dashboard))))


# --- did somebody edit it, or only press Save? ---------------------------------------------------------------------
#
# The web interface shows an old dashboard in the form of its own schema, and stores that form when somebody saves,
# whether they edited something or not. What survives that migration unchanged has to be equal. What it makes anew, such
# as the display options of another panel type, may only hold values that the old form held or that are Grafana's
# defaults: any other value is somebody's. An option of a migrated panel that was only switched on or off escapes this.

# Grafana 13 stores what is saved in schema v2 and converts it back for this API. That numbers rows anew, closes gaps
# between panels, names the data source of every query, and loses what neither schema knows.

# Panel types, and what a migration turns them into.
MIGRATED_TYPES = {
    "singlestat": {"stat", "gauge"},
    "grafana-singlestat-panel": {"stat", "gauge"},
    "graph": {"timeseries", "barchart", "histogram", "bargauge"},
    "table-old": {"table"},
    "grafana-piechart-panel": {"piechart"},
    "grafana-worldmap-panel": {"geomap"},
    "natel-discrete-panel": {"state-timeline"},
}

# What Grafana writes by itself when it migrates or saves, by key: its defaults.
DEFAULTS = {
    "align": {"auto"},
    "alignValue": {"left"},
    "auto_count": {30},
    "auto_min": {"10s"},
    "axisColorMode": {"text"},
    "axisPlacement": {"auto"},
    "barAlignment": {0},
    "barWidthFactor": {0.6},
    "calcs": {"lastNotNull"},
    "cellHeight": {"sm"},
    "color": {"green", "red"},
    "colorMode": {"none", "value"},
    "displayMode": {"gradient", "list"},
    "drawStyle": {"line"},
    "editable": {True},
    "enable": {True},
    "fillOpacity": {0, 70},
    "from": {"now-6h"},
    "gradientMode": {"none"},
    "graphMode": {"area", "none"},
    "group": {"A"},
    "icon": {"external link"},
    "id": {"byName", "byRegexp", "color", "unit", "custom.axisPlacement", "custom.lineWidth", "custom.fillOpacity"},
    "justifyMode": {"auto"},
    "language": {"plaintext"},
    "lineInterpolation": {"linear"},
    "lineWidth": {1},
    "match": {"null"},
    "maxVizHeight": {300},
    "mergeValues": {True},
    "minVizHeight": {16, 75},
    "minVizWidth": {8, 75},
    "mode": {"absolute", "fixed", "markdown", "none", "off", "palette-classic", "thresholds"},
    "namePlacement": {"auto"},
    "orientation": {"auto", "horizontal"},
    "percentChangeColorMode": {"standard"},
    "pieType": {"pie"},
    "placement": {"bottom"},
    "pointSize": {5},
    "reducer": {"sum"},
    "repeatDirection": {"h"},
    "regexApplyTo": {"value"},
    "rowHeight": {0.9},
    "showHeader": {True},
    "showLegend": {True},
    "showPoints": {"auto", "never"},
    "showThresholdMarkers": {True},
    "showUnfilled": {True},
    "showValue": {"auto"},
    "sizing": {"auto"},
    "sort": {"none"},
    "textMode": {"auto"},
    "timezone": {"browser"},
    "to": {"now"},
    "tooltip": {True},  # of what is hidden from the graph as well
    "type": {"auto", "linear", "special"},
    "unit": {"none", "short"},
    "value": {80},  # the second of the two thresholds that a panel without any gets
    "valueMode": {"color"},
    "wideLayout": {True},
}

# An option of the graph panel that was on, and the word that stands for it in newer panels.
SWITCHES = {
    "alignAsTable": "table",
    "bars": "bars",
    "percentage": "percent",
    "points": "always",
    "rightSide": "right",
    "shared": "multi",
    "stack": "normal",
    "steppedLine": "stepAfter",
}
POSITIONS = (("shared", False, "single"), ("yaxis", 2, "right"))

# Keys of a dashboard that say nothing about its content, or are set anew by every save.
IGNORED = {"schemaVersion", "style", "timepicker", "fiscalYearStartMonth", "weekStart", "preload", "liveNow"}
IGNORED |= {"hideControls", "sharedCrosshair", "uid", "id", "version", "iteration", "gnetId"}
TARGET_DEFAULTS = {"editorMode", "range", "instant", "exemplar", "useBackend", "fullMetaSearch", "includeNullMetadata"}

# Left out when it saves, where they say no more than that nothing is switched on.
DROPPED_AT_ZERO = {"hide", "sort", "multi", "includeAll", "skipUrlSync", "transparent", "collapsed", "graphTooltip"}
DROPPED_AT_ZERO |= {"refresh", "enable", "auto", "auto_count"}

# What both schemas have. Anything else at these places is lost when it goes through schema v2, edited or not.
TOP_LEVEL = {"title", "description", "tags", "timezone", "editable", "graphTooltip", "time", "refresh", "links"}
LINK_KEYS = ("title", "url", "targetBlank")

KEPT_BY_MIGRATION = ("title", "description", "transparent", "repeat", "repeatDirection", "interval", "timeFrom")
KEPT_BY_MIGRATION += ("timeShift", "maxDataPoints", "transformations", "libraryPanel", "cacheTimeout")
KEPT_BY_MIGRATION += ("maxPerRow", "hideTimeOverride", "queryCachingTTL")
IN_BOTH_SCHEMAS = set(KEPT_BY_MIGRATION) | {
    "type",
    "targets",
    "links",
    "options",
    "fieldConfig",
    "datasource",
    "gridPos",
}
VARIABLE_KEYS = ("type", "label", "query", "regex", "multi", "includeAll", "allValue", "hide", "sort")
VARIABLE_KEYS += ("description", "datasource", "auto", "auto_count", "auto_min")
MIXED = "-- Mixed --"


def last_key(path):
    """The key that a value stands under, positions in lists left out."""
    return re.sub(r"(\[[^\]]*\])+\Z", "", path).rpartition(".")[2]


def is_empty(value):
    return value is None or value in ("", [], {})


def is_zero(value):
    return is_empty(value) or value is False or equal(value, 0)


def is_default(key, value):
    """Whether Grafana may have written this by itself."""
    if is_zero(value) or key == "pluginVersion":
        return True
    if isinstance(value, dict):
        return all(is_default(name, one) for name, one in value.items())
    if isinstance(value, list):
        return all(is_default(key, one) for one in value)
    return any(equal(value, one) for one in DEFAULTS.get(key, ()))


def datasource_uid(value):
    if isinstance(value, dict):
        return value.get("uid")
    return value


def flat_panels(dashboard):
    """All panels, those inside of rows included."""
    panels, rows = (dashboard.get(key) if isinstance(dashboard.get(key), list) else [] for key in ("panels", "rows"))
    for panel in panels:
        if isinstance(panel, dict):
            yield panel
            yield from flat_panels(panel)
    for row in rows:
        if isinstance(row, dict):
            yield from flat_panels(row)


def significant(value, key=None):
    """Without what is empty, and with data sources by their UID alone, as older schemas have them."""
    if key == "datasource":
        return datasource_uid(value)
    if isinstance(value, dict):
        kept = {name: significant(one, name) for name, one in value.items()}
        return {name: one for name, one in kept.items() if not is_empty(one)}
    if isinstance(value, list):
        return [significant(one) for one in value]
    return value


def edits(ours, theirs):
    """(path, ours, theirs) of everything that a save alone cannot explain."""
    try:
        return [*top_level_edits(ours, theirs), *variable_edits(ours, theirs), *panel_edits(ours, theirs)]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        # The API takes what is no dashboard, such as numbers for panels. No web interface has saved that.
        return list(differences(bare(ours), bare(theirs)))


def unexplained(ours, theirs, path):
    """Differences between two values that should have survived; those that Grafana fills in are not counted."""
    for where, old, new in differences(significant(ours), significant(theirs), path):
        key = last_key(where)
        if old is Missing and is_default(key, new):
            continue
        if new is Missing and is_default(key, old) and (key in DROPPED_AT_ZERO or not is_zero(old)):
            continue
        yield where, old, new


def top_level_edits(ours, theirs):
    for key in sorted((set(ours) | set(theirs)) - IGNORED - {"panels", "rows", "templating", "annotations"}):
        old, new = ours.get(key), theirs.get(key)
        if key not in TOP_LEVEL and key not in theirs:
            continue
        if key == "tags":
            old, new = sorted(old or []), sorted(new or [])
        yield from unexplained({key: old}, {key: new}, "")
    old, new = ({one.get("name"): one for one in listed(each, "annotations")} for each in (ours, theirs))
    yield from unexplained(old, new, "annotations")


def listed(dashboard, key):
    """Entries of annotations.list or templating.list, the built-in annotations left out."""
    entries = (dashboard.get(key) or {}).get("list") if isinstance(dashboard.get(key), dict) else None
    return [entry for entry in entries or [] if isinstance(entry, dict) and not entry.get("builtIn")]


def variable_view(entry):
    """What a template variable is, apart from what its type makes of it and who looked last."""
    kept = {key: entry.get(key) for key in VARIABLE_KEYS}
    if isinstance(kept["query"], dict):  # newer schemas wrap it
        kept["query"] = kept["query"].get("query")
    kept["current"] = (entry.get("current") or {}).get("value") if isinstance(entry.get("current"), dict) else None
    if kept["type"] == "query":  # never is no choice any more
        kept["refresh"] = 2 if entry.get("refresh") == 2 else 1
    if kept["type"] == "constant":
        kept["hide"] = None
    return kept


def variable_edits(ours, theirs):
    before, after = (
        {one.get("name"): variable_view(one) for one in listed(each, "templating")} for each in (ours, theirs)
    )
    for name in set(before) & set(after):
        if not datasource_uid(before[name]["datasource"]):  # the server puts in what it takes for the default
            after[name]["datasource"] = before[name]["datasource"] = None
    yield from unexplained(before, after, "templating")


def by_name(old, new):
    """Two lists of panels as dictionaries, by what tells the panels of both apart."""
    rows = all(panel.get("type") == "row" for panel in old + new)
    for key in ("title",) if rows else ("id", "title"):
        pairs = [{panel.get(key): panel for panel in panels} for panels in (old, new)]
        if None not in pairs[0] and len(pairs[0]) == len(old) and len(pairs[1]) == len(new):
            return pairs
    return [dict(enumerate(panels)) for panels in (old, new)]


def layout(dashboard):
    """(panels, rows, where each panel stands): its row, and how many rows of the grid are above it."""
    everything = list(flat_panels(dashboard))
    panels = [panel for panel in everything if panel.get("type") != "row"]
    rows = [panel for panel in everything if panel.get("type") == "row"]
    heights = sorted({grid(panel, "y") for panel in panels})
    places, row = {id(panel): (None, heights.index(grid(panel, "y"))) for panel in panels}, None
    listed_panels = [panel for panel in dashboard.get("panels") or [] if isinstance(panel, dict)]
    for panel in sorted(listed_panels, key=lambda panel: grid(panel, "y")):
        if panel.get("type") == "row":
            row = panel.get("title")
        for one in [panel, *flat_panels(panel)]:
            if id(one) in places:
                places[id(one)] = (row, places[id(one)][1])
    return panels, rows, places


def library_uid(panel):
    library = panel.get("libraryPanel")
    return library.get("uid") if isinstance(library, dict) else None


def grid(panel, key):
    value = (panel.get("gridPos") or {}).get(key) if isinstance(panel.get("gridPos"), dict) else None
    return value if isinstance(value, (int, float)) else 0


def pairs_of(old, new, what):
    """(path, one, other) of panels that both have; those that only one has come with Missing."""
    before, after = by_name(old, new)
    for name in sorted(set(before) | set(after), key=str):
        one, other = before.get(name), after.get(name)
        yield "%s[%s]" % (what, (one or other).get("title") or name), one or Missing, other or Missing


def panel_edits(ours, theirs):
    (old, old_rows, stood), (new, new_rows, stands) = layout(ours), layout(theirs)
    schemas = [one.get("schemaVersion") for one in (ours, theirs)]
    # Since 39 no migration has touched an option that a dashboard of ours could have.
    same_schema = schemas[0] == schemas[1] or all(isinstance(one, int) and one >= 39 for one in schemas)
    oldest = bool(ours.get("rows"))  # before schema 16, where a row held its panels and had no place
    for path, one, other in [] if oldest else pairs_of(old_rows, new_rows, "rows"):
        if one is Missing or other is Missing:
            yield path, one, other
        else:
            views = [{key: row.get(key) for key in ("title", "collapsed", "repeat")} for row in (one, other)]
            yield from unexplained(*views, path)
    for path, one, other in pairs_of(old, new, "panels"):
        if one is Missing or other is Missing:
            yield path, one, other
            continue
        (row, above), (its_row, above_it) = stood[id(one)], stands[id(other)]
        if row != its_row and not oldest:
            yield path + ".row", row, its_row
        elif above == above_it and one.get("gridPos"):
            other = dict(other, gridPos=dict(other.get("gridPos") or {}, y=grid(one, "y")))
        shared = library_uid(one)
        if shared and shared == library_uid(
            other
        ):  # its content lies elsewhere; what is kept of it here is up to Grafana
            views = [{key: panel.get(key) for key in ("title", "gridPos", "repeat")} for panel in (one, other)]
            found = unexplained(*views, path)
        elif same_schema and one.get("type") == other.get("type"):
            found = same_panel_edits(one, other, path)
        else:
            found = migrated_panel_edits(one, other, path)
        yield from found


def comparable(panel):
    """A panel whose queries all name their data source, and nothing that is only there for the server."""
    source = datasource_uid(panel.get("datasource"))
    kept = {key: value for key, value in panel.items() if key not in ("panels", "pluginVersion")}
    targets = []
    for target in panel.get("targets") or []:
        if isinstance(target, dict):
            own = datasource_uid(target.get("datasource")) or (source if source != MIXED else None)
            target = dict({key: value for key, value in target.items() if key != "datasource"}, datasource=own)
        targets.append(target)
    kept["targets"] = targets
    links = panel.get("links")
    if isinstance(links, list):
        kept["links"] = [{key: link.get(key) for key in LINK_KEYS} for link in links if isinstance(link, dict)]
    return kept


def comparable_pair(ours, theirs):
    one, other = comparable(ours), comparable(theirs)
    if not datasource_uid(one.get("datasource")) or not datasource_uid(other.get("datasource")):
        one["datasource"] = other["datasource"] = None  # what counts is that of the queries
    named = {target.get("refId"): target for target in one["targets"] if isinstance(target, dict)}
    for target in other["targets"]:
        old = named.get(target.get("refId")) if isinstance(target, dict) else None
        if old and not old["datasource"]:  # the server puts in what it takes for the default
            target["datasource"] = None
    return one, other


def same_panel_edits(ours, theirs, path):
    one, other = comparable_pair(ours, theirs)
    if ours.get("type") not in MIGRATED_TYPES:  # those keep their options here
        for key in set(one) - set(other) - IN_BOTH_SCHEMAS:
            del one[key]
    return unexplained(one, other, path)


def migrated_panel_edits(ours, theirs, path):
    if theirs.get("type") != ours.get("type") and theirs.get("type") not in MIGRATED_TYPES.get(ours.get("type"), ()):
        yield path + ".type", ours.get("type"), theirs.get("type")
    one, other = comparable_pair(ours, theirs)
    for key in KEPT_BY_MIGRATION + ("targets", "links"):
        for found in unexplained({key: one.get(key)}, {key: other.get(key)}, path):
            if found[1] is Missing and found[0].rsplit(".", 1)[-1] in TARGET_DEFAULTS:
                continue
            yield found
    for key in ("datasource", "gridPos"):
        if one.get(key):  # without one the server puts in what it takes for the default
            yield from unexplained({key: one.get(key)}, {key: other.get(key)}, path)
    known = vocabulary(ours)
    for key in ("fieldConfig", "options"):
        for where, value in leaves(other.get(key), "%s.%s" % (path, key)):
            if not is_default(last_key(where), value) and not isinstance(value, bool) and value not in known:
                yield where, Missing, value


def leaves(node, path):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, "%s.%s" % (path, key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from leaves(value, "%s[%d]" % (path, number))
    else:
        yield path, node


def vocabulary(panel):
    """Values that a migration may carry over: all of the panel's options, their parts, and words for its switches."""
    known = set()

    def collect(node):
        if isinstance(node, dict):
            for key, value in node.items():
                known.add(key)  # aliasColors and the like have names of series as keys
                if value is True and key in SWITCHES:
                    known.add(SWITCHES[key])
                known.update(word for switch, at, word in POSITIONS if key == switch and equal(value, at))
                if key == "fill" and isinstance(value, (int, float)):
                    known.add(value * 10)
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)
        elif isinstance(node, str):
            known.add(node)
            for part in node.split(","):  # thresholds were "80,95"
                known.add(part.strip())
                with contextlib.suppress(ValueError):
                    known.add(float(part))
        elif node is not None:
            known.add(node)

    collect({key: value for key, value in panel.items() if key not in ("id", "gridPos", "targets", "title")})
    return known
