"""Snakemake, but that it looks at its jobs every second: the Slurm executor waits ten seconds longer each time.

Jobs are started by the Python that WARM_EXECUTABLE names.
"""

import asyncio
import os
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def sleep(self) -> None:
    await asyncio.sleep(1)


sys.executable = os.environ["WARM_EXECUTABLE"]
RemoteExecutor.sleep = sleep
main()
