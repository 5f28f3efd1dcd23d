"""Snakemake, but that it looks at its jobs every two seconds: the Slurm executor waits ten seconds longer each time."""

import asyncio

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def sleep(self) -> None:
    await asyncio.sleep(2)


RemoteExecutor.sleep = sleep
main()
