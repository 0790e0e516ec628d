# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's server, where a volume made of no snapshot has an empty snapshot ID, as on AWS: ec2_vol_info needs one."""

from __future__ import annotations

import functools

import moto.server
from moto.ec2.models.elastic_block_store import EBSBackend

make = EBSBackend.create_volume


@functools.wraps(make)
def create_volume(*args, **kwargs):
    volume = make(*args, **kwargs)
    volume.snapshot_id = volume.snapshot_id or ""
    return volume


EBSBackend.create_volume = create_volume

if __name__ == "__main__":
    moto.server.main()
