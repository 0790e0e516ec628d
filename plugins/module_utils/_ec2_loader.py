# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have botocore read less to make an EC2 client, which otherwise is a quarter of the time of an unchanged task.

It unpacks the model of all 800 operations of EC2, 4 MB of JSON, and looks into 450 directories to know that there is
an EC2. Here it gets the excerpt in _ec2_model.py. A model of the user's (AWS_DATA_PATH, ~/.aws/models) still comes
first, and a botocore that has another version of the API than the excerpt reads its own.
"""

from __future__ import annotations

import contextlib
import json
import os

from ansible_collections.redisops.monitoring.plugins.module_utils import _ec2_model

try:
    import botocore.loaders
    import botocore.session
    from botocore.loaders import JSONFileLoader, Loader
except ImportError:  # AnsibleAWSModule says so
    JSONFileLoader = Loader = object


class Files(JSONFileLoader):
    def load_file(self, file_path):
        if file_path == os.path.join(Loader.BUILTIN_DATA_PATH, _ec2_model.VERSION, "service-2"):
            return json.loads(_ec2_model.MODEL)
        # A list of endpoints of 1 MB is among these. botocore wants ordered dictionaries, which all are by now.
        with contextlib.suppress(OSError), open(file_path + ".json", encoding="utf-8") as file:
            return json.load(file)
        return super().load_file(file_path)


class Models(Loader):
    FILE_LOADER_CLASS = Files

    def list_available_services(self, type_name):
        """All directories; what is in them shows when it is loaded."""
        return [name for path in self.search_paths if os.path.isdir(path) for name in os.listdir(path)]


@contextlib.contextmanager
def small_model():
    """Sessions of botocore that make their first client inside load models as above, for good."""
    create_loader = getattr(botocore.session, "create_loader", None)
    if not create_loader:  # a botocore that makes its loader elsewhere reads its own model
        yield
        return

    def create(search_path=None):
        paths = search_path.split(os.pathsep) if search_path else ()
        return Models([os.path.expanduser(os.path.expandvars(path)) for path in paths])

    botocore.session.create_loader = create
    try:
        yield
    finally:
        botocore.session.create_loader = create_loader
