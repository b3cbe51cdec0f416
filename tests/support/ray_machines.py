"""Three machines of a Ray cluster as processes of this one, of which the second is taken away.

python ray_machines.py FOLDER COUNT COMMAND...: runs the command with the address of the cluster, and takes
the machine away once the folder holds so many files. Ends with the command's exit code.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - its name
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster

MACHINE = {"object_store_memory": 80 * 2**20, "include_dashboard": False}


def main() -> int:
    folder, count, *command = sys.argv[1:]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **MACHINE})
    try:
        machines = [cluster.add_node(num_cpus=2, **MACHINE) for _ in range(2)]
        process = subprocess.Popen([*command, "--address", cluster.address])
        while process.poll() is None and len([*Path(folder).glob("*.png")]) < int(count):
            time.sleep(0.05)
        print(f"taken away with {len([*Path(folder).glob('*.png')])} done", file=sys.stderr)
        cluster.remove_node(machines[1])
        return process.wait()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    sys.exit(main())
