# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's server with two differences.

A volume made of no snapshot has an empty snapshot ID, as on AWS: ec2_vol_info needs one. A snapshot can be of the past,
by a description such as start_time=2026-11-20T00:00:00: how else would one get old.
"""

from __future__ import annotations

import functools
import re
from datetime import datetime

import moto.server
from moto.ec2.models.elastic_block_store import EBSBackend

make = EBSBackend.create_volume


@functools.wraps(make)
def create_volume(*args, **kwargs):
    volume = make(*args, **kwargs)
    volume.snapshot_id = volume.snapshot_id or ""
    return volume


take = EBSBackend.create_snapshot


@functools.wraps(take)
def create_snapshot(*args, **kwargs):
    snapshot = take(*args, **kwargs)
    begun = re.search(r"start_time=(\S+)", snapshot.description or "")
    if begun:
        snapshot.start_time = datetime.fromisoformat(begun[1])
    return snapshot


EBSBackend.create_volume = create_volume
EBSBackend.create_snapshot = create_snapshot

if __name__ == "__main__":
    moto.server.main()
