# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the dashboards are made of: queries, variables, links, and panels that all look alike.

The queries use the exporters' own metrics, never the recording rules of role prometheus: the dashboards also serve a
Prometheus without our rules (only the panels about alerts are empty there). Numbers that a rule alerts on come from
that rule's default, so that a graph turns red where an alert would fire.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as c
from grafana_foundation_sdk.models import dashboard as d
from grafana_foundation_sdk.models import prometheus as p

ROOT = Path(__file__).resolve().parents[1]
ROLE = ROOT / "roles" / "prometheus"
TITLES = {
    "redis-cluster": "Redis Cluster",
    "redis-performance": "Redis performance",
    "redis-resources": "Redis resources",
}

DATASOURCE = d.DataSourceRef(type_val="prometheus", uid="${datasource}")
# Commas and braces are the callers' business: SELECTED goes between braces.
SELECTED_CLUSTER = 'cluster=~"$cluster", environment=~"$environment"'
SELECTED = f'{SELECTED_CLUSTER}, instance=~"$instance"'
BY_CLUSTER = "by (cluster, environment)"
BY_NODE = "by (cluster, environment, node, instance)"
# Two clusters may well name their nodes alike, and two environments their clusters.
NODE = "{{cluster}} {{node}}"
CLUSTER = "{{cluster}} {{environment}}"

GREEN, YELLOW, ORANGE, RED, GREY = "green", "yellow", "orange", "red", "#808080"
THRESHOLDS = yaml.safe_load((ROLE / "files" / "thresholds.yml").read_text())
RUNBOOKS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())["prometheus_runbook_base_url"]


def limit(name: str) -> float:
    """The default of a threshold of the alert rules."""
    return THRESHOLDS[name]["default"]


# Queries


def redis(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join((SELECTED, *matchers))}}}"


def rate(metric: str, *matchers: str) -> str:
    return f"rate({redis(metric, *matchers)}[$__rate_interval])"


def of_selected_nodes(expr: str) -> str:
    """Only what belongs to the selected nodes, for series of other exporters: their label instance is another one."""
    return f'({expr} and on (cluster, environment, node) up{{job="redis-cluster", {SELECTED}}})'


def served_certificates() -> str:
    # Of the chain that was verified: a server may send certificates that nobody needs and that expire earlier.
    served = f'{{job="redis-tls", {SELECTED_CLUSTER}}}'
    return of_selected_nodes(
        f"(probe_ssl_last_chain_expiry_timestamp_seconds{served} > 0 or probe_ssl_earliest_cert_expiry{served})"
    )


def certificate_files() -> str:
    return of_selected_nodes(f"redis_tls_cert_file_not_after_timestamp_seconds{{{SELECTED_CLUSTER}}}")


def alerts(metric: str, *matchers: str) -> str:
    """Alerts of the selected clusters, and those of the monitoring itself, which belong to no cluster."""
    chosen = ('alertname!="Watchdog"', 'cluster=~"$cluster|"', 'environment=~"$environment|"')
    return f"{metric}{{{', '.join((*chosen, *matchers))}}}"


def targets(queries: list[tuple[str, str]], instant: bool = False, as_table: bool = False) -> list:
    built = []
    for number, (expr, legend) in enumerate(queries):
        query = (
            prometheus.Dataquery().expr(expr).legend_format(legend).ref_id("ABCDEFGH"[number]).datasource(DATASOURCE)
        )
        query = query.instant() if instant else query.range()
        form = p.PromQueryFormat.TABLE if as_table else p.PromQueryFormat.TIME_SERIES
        built.append(query.editor_mode(p.QueryEditorMode.CODE).format(form))
    return built


# Thresholds and values with a meaning


def steps(*above: tuple[float, str], base: str = GREEN) -> dashboard.ThresholdsConfig:
    """The base colour, and colours from a value on."""
    levels = [d.Threshold(value=None, color=base), *(d.Threshold(value=value, color=color) for value, color in above)]
    return dashboard.ThresholdsConfig().mode(d.ThresholdsMode.ABSOLUTE).steps(levels)


def days_left() -> dashboard.ThresholdsConfig:
    colours = {"cert_critical_days": ORANGE, "cert_soon_days": YELLOW, "cert_notice_days": GREEN}
    return steps(*((limit(name), colour) for name, colour in colours.items()), base=RED)


def meaning(values: dict[str, tuple[str, str]]) -> d.ValueMap:
    options = {
        value: d.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(values.items())
    }
    return d.ValueMap(options=options)


def neutral(text: str) -> d.SpecialValueMap:
    """Text in grey where there is no value: the base colour of the thresholds would read as a warning."""
    return d.SpecialValueMap(
        options=d.DashboardSpecialValueMapOptions(
            match=d.SpecialValueMatch.NULL_AND_NAN, result=d.ValueMappingResult(text=text, color=GREY, index=0)
        )
    )


# Panels


def dressed(panel, title: str, description: str, unit: str, decimals: int, thresholds, runbooks, no_value: str):
    links = [
        dashboard.DashboardLink("Runbooks" if name == "README" else f"Runbook: {name}")
        .type(d.DashboardLinkType.LINK)
        .url(runbook(name))
        .target_blank(True)
        for name in runbooks
    ]
    return (
        panel.title(title)
        .description(description)
        .unit(unit)
        .decimals(decimals)
        .thresholds(thresholds or steps())
        .links(links)
        .no_value(no_value)
        .datasource(DATASOURCE)
    )


def runbook(name: str) -> str:
    # :raw, because Grafana percent-encodes variables in some links.
    return "${runbook_url:raw}/" + name + ".md"


def figure(
    title: str, description: str, unit: str, queries: list[tuple[str, str]], *, decimals: int = 0, thresholds=None,
    runbooks: tuple[str, ...] = (), no_value: str = "No data", values: dict | None = None, span: int = 4,
    sparkline: bool = False,
) -> stat.Panel:  # fmt: skip
    """One number a cluster. States are of now: with a sparkline they would outlive the metrics they come from."""
    panel = dressed(stat.Panel(), title, description, unit, decimals, thresholds, runbooks, no_value)
    mappings = [meaning(values)] if values else []
    if no_value != "No data":
        mappings.append(neutral(no_value))
    return (
        panel.mappings(mappings)
        .targets(targets(queries, instant=not sparkline))
        .reduce_options(common.ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields(""))
        .color_scheme(dashboard.FieldColor().mode(d.FieldColorModeId.THRESHOLDS))
        .color_mode(c.BigValueColorMode.BACKGROUND if values else c.BigValueColorMode.VALUE)
        .graph_mode(c.BigValueGraphMode.AREA if sparkline else c.BigValueGraphMode.NONE)
        .justify_mode(c.BigValueJustifyMode.AUTO)
        .text_mode(c.BigValueTextMode.AUTO)
        .orientation(c.VizOrientation.AUTO)
        .height(4)
        .span(span)
    )


def graph(
    title: str, description: str, unit: str, queries: list[tuple[str, str]], *, decimals: int = 0, thresholds=None,
    runbooks: tuple[str, ...] = (), no_value: str = "No data", span: int = 12, low: float | None = 0,
    high: float | None = None, stacked: bool = False, legend_table: bool = False,
) -> timeseries.Panel:  # fmt: skip
    """Lines over time, usually one a node."""
    panel = dressed(timeseries.Panel(), title, description, unit, decimals, thresholds, runbooks, no_value)
    legend = common.VizLegendOptions().show_legend(True).calcs(["lastNotNull", "max"])
    if legend_table:
        legend = (
            legend.display_mode(c.LegendDisplayMode.TABLE)
            .placement(c.LegendPlacement.RIGHT)
            .sort_by("Last *")
            .sort_desc(True)
        )
    else:
        legend = legend.display_mode(c.LegendDisplayMode.LIST).placement(c.LegendPlacement.BOTTOM)
    if low is not None:
        panel = panel.min(low)
    if high is not None:
        panel = panel.max(high)
    if thresholds:
        panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(c.GraphThresholdsStyleMode.DASHED))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(c.StackingMode.NORMAL).group("A"))
    return (
        panel.targets(targets(queries))
        .color_scheme(dashboard.FieldColor().mode(d.FieldColorModeId.PALETTE_CLASSIC))
        .draw_style(c.GraphDrawStyle.LINE)
        .line_interpolation(c.LineInterpolation.LINEAR)
        .line_width(1)
        .fill_opacity(40 if stacked else 8)
        .show_points(c.VisibilityMode.AUTO)
        .span_nulls(False)
        .legend(legend)
        .tooltip(common.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.DESCENDING))
        .height(8)
        .span(span)
    )


def limit_line(panel: timeseries.Panel, regexp: str) -> timeseries.Panel:
    """Draws the series whose names match as dashes: a limit, not a measurement."""
    return panel.override_by_regexp(
        regexp,
        [
            d.DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 6]}),
            d.DynamicConfigValue(id_val="custom.fillOpacity", value=0),
            d.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": RED}),
        ],
    )


def timeline(
    title: str, description: str, queries: list[tuple[str, str]], values: dict, *,
    runbooks: tuple[str, ...] = (), span: int = 12, height: int = 8,
) -> statetimeline.Panel:  # fmt: skip
    """States over time, a line each."""
    panel = dressed(statetimeline.Panel(), title, description, "none", 0, steps(), runbooks, "No data")
    return (
        panel.targets(targets(queries))
        .mappings([meaning(values)])
        # Coloured by thresholds, merged values would show the threshold's range and ignore the mappings.
        .color_scheme(dashboard.FieldColor().mode(d.FieldColorModeId.PALETTE_CLASSIC))
        .merge_values(True)
        .show_value(c.VisibilityMode.AUTO)
        .align_value(c.TimelineValueAlignment.LEFT)
        .row_height(0.85)
        .line_width(0)
        .fill_opacity(70)
        .legend(
            common.VizLegendOptions()
            .show_legend(False)
            .display_mode(c.LegendDisplayMode.LIST)
            .placement(c.LegendPlacement.BOTTOM)
        )
        .tooltip(common.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.NONE))
        .height(height)
        .span(span)
    )


def bars(
    title: str, description: str, unit: str, queries: list[tuple[str, str]], *, thresholds, high: float,
    decimals: int = 0, runbooks: tuple[str, ...] = (), no_value: str = "No data", span: int = 8,
) -> bargauge.Panel:  # fmt: skip
    """A bar a node, of now."""
    panel = dressed(bargauge.Panel(), title, description, unit, decimals, thresholds, runbooks, no_value)
    return (
        panel.targets(targets(queries, instant=True))
        .min(0)
        .max(high)
        .color_scheme(dashboard.FieldColor().mode(d.FieldColorModeId.THRESHOLDS))
        .reduce_options(common.ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields(""))
        .orientation(c.VizOrientation.HORIZONTAL)
        .display_mode(c.BarGaugeDisplayMode.BASIC)
        .value_mode(c.BarGaugeValueMode.COLOR)
        .show_unfilled(True)
        .height(8)
        .span(span)
    )


def listing(
    title: str, description: str, unit: str, expr: str, columns: dict[str, str], *, sort: str, sort_desc: bool = False,
    decimals: int = 0, thresholds=None, runbooks: tuple[str, ...] = (), no_value: str = "No data", span: int = 12,
) -> table.Panel:  # fmt: skip
    """A table of now. `columns` gives labels and "Value" their headings, in order; the query has no other labels."""
    panel = dressed(table.Panel(), title, description, unit, decimals, thresholds, runbooks, no_value)
    organize = d.DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": {"Time": True},
            "indexByName": {name: index for index, name in enumerate(columns)},
            "renameByName": columns,
        },
    )
    return (
        panel.targets(targets([(expr, "")], instant=True, as_table=True))
        .transformations([organize])
        .color_scheme(dashboard.FieldColor().mode(d.FieldColorModeId.THRESHOLDS))
        .show_header(True)
        .sort_by([common.TableSortByFieldState().display_name(sort).desc(sort_desc)])
        .height(8)
        .span(span)
    )


def coloured_cells(heading: str) -> tuple[str, list[d.DynamicConfigValue]]:
    """Override for a column of a table: thresholds or mappings colour the cells."""
    return heading, [
        d.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-background", "mode": "basic"})
    ]


# The dashboard around them


def all_of(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .refresh(d.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(d.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        # Also what has no such label, and what stopped before the time range that the options come from.
        .all_value(".*")
        .current(d.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def runbook_url() -> dashboard.ConstantVariable:
    variable = dashboard.ConstantVariable("runbook_url").label("Runbooks").value(RUNBOOKS)
    model = variable.build()
    model.hide = d.VariableHide.HIDE_VARIABLE
    model.skip_url_sync = True
    model.current = d.VariableOption(selected=True, text=RUNBOOKS, value=RUNBOOKS)
    return variable


def board(uid: str, description: str) -> dashboard.Dashboard:
    built = (
        dashboard.Dashboard(TITLES[uid])
        .uid(uid)
        .description(description)
        .tags(["redis", "redisops"])
        .editable()
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(d.DashboardCursorSync.CROSSHAIR)
        .annotations([])
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(all_of("cluster", "Cluster", "label_values(redis_up, cluster)"))
        .with_variable(all_of("environment", "Environment", 'label_values(redis_up{cluster=~"$cluster"}, environment)'))
        .with_variable(all_of("instance", "Instance", f"label_values(redis_up{{{SELECTED_CLUSTER}}}, instance)"))
        .with_variable(runbook_url())
    )
    for other, title in TITLES.items():
        if other != uid:
            built = built.link(
                dashboard.DashboardLink(title)
                .type(d.DashboardLinkType.LINK)
                .icon("dashboard")
                .url(f"/d/{other}")
                .include_vars(True)
                .keep_time(True)
            )
    return built.link(
        dashboard.DashboardLink("Runbooks")
        .type(d.DashboardLinkType.LINK)
        .icon("doc")
        .url(runbook("README"))
        .target_blank(True)
    )


def with_rows(built: dashboard.Dashboard, rows: list[tuple[str, list]]) -> d.Dashboard:
    """Puts rows of panels on the grid, numbered from 1. Panels fill lines of 24 columns and one height."""
    number = 0
    for title, panels in rows:
        number += 1
        built = built.with_row(dashboard.Row(title).id(number).collapsed(False))
        for panel in panels:
            number += 1
            built = built.with_panel(panel.id(number))
    return built.build()


def as_json(built: d.Dashboard) -> str:
    document = json.loads(json.dumps(built, cls=JSONEncoder))
    # Defaults that the SDK writes for what is not there: an interval of other variables, a direction of no repetition.
    for variable in document["templating"]["list"]:
        for key in ("auto", "auto_count", "auto_min"):
            del variable[key]
    for panel in document["panels"]:
        panel.pop("repeatDirection", None)
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
