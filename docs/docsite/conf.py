# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx: the Markdown of docs/ and antsibull-docs' pages of roles and plugins as one site, by `make docs-site`."""

from __future__ import annotations

import posixpath
import re

project = "redisops.monitoring"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
pygments_style = "ansible"
myst_heading_anchors = 4
default_role = "any"
nitpicky = True
suppress_warnings = [
    "misc.highlighting_failure",  # what colours PromQL does not know the names of recording rules
    "toc.no_title",  # the changelog, before there is a release
]

ANSIBLE = "https://docs.ansible.com/projects/ansible/latest"
ANSIBLE_PAGES = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def link_to_ansible(app, env, node, contnode):
    """Plugins of other collections are documented on Ansible's own site."""
    from docutils import nodes

    target = node["reftarget"]
    plugin = re.fullmatch(r"ansible_collections\.(?!redisops\.monitoring)(\w+)\.(\w+)\.(\w+?)(__.*)?", target)
    page = "collections/{}/{}/{}.html".format(*plugin.group(1, 2, 3)) if plugin else ANSIBLE_PAGES.get(target)
    return nodes.reference("", "", contnode, internal=False, refuri=f"{ANSIBLE}/{page}") if page else None


def links_out_of_docs(app, docname, content):
    """A link from docs/ to another part of the repository: to the role's page, or to the file of this version."""

    def replaced(found):
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(docname), found[1]))
        role = re.fullmatch(r"roles/(\w+)/README\.md", path)
        if role:
            up = "../" * docname.count("/")
            return f"]({up}collections/{role[1]}_role.rst)"
        if path.startswith("docs/"):
            return found[0]
        return f"]({app.config.repository}/blob/v{app.config.version}/{path})"

    content[0] = re.sub(r"\]\((\.\./[^)#\s]*)\)", replaced, content[0])


def setup(app):
    app.add_config_value("repository", "", "env")
    app.connect("missing-reference", link_to_ansible)
    app.connect("source-read", links_out_of_docs)
