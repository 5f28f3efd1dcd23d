"""A Slurm of one node on this machine: as root, on loopback, without systemd or accounting; its GPUs are pretended."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

# Job steps look for the configuration here: the Slurm executor drops SLURM_CONF before its inner srun.
ETC = Path("/etc/slurm")
INSTALLED_FILES = ("slurm.conf", "gres.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "srun")
DAEMONS = ("slurmd", "slurmctld", "munged")  # in the order in which they are stopped

CONFIGURATION = """\
# started by the tests of process {owner}
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/prolog
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
ReturnToService=0
KillWait=1
MinJobAge=3600
SlurmdTimeout=300
MessageTimeout=60
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=500000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES State=UP
PartitionName=gpu Nodes={host} State=UP
"""

# Run at the start of every step, with the environment that the step's program will have.
PROLOG = '#!/bin/sh\necho "$SLURM_JOB_ID ${{CUDA_VISIBLE_DEVICES:--}}" >> {folder}/devices\n'


def why_not() -> str | None:
    """Why a Slurm cannot be started here, or None where it can; installs Debian's packages where that is possible."""
    if not all(map(shutil.which, PROGRAMS)) and (reason := _install()):
        return reason
    if os.geteuid() != 0:
        return "only root can start Slurm's daemons and make device files"
    try:
        socket.getaddrinfo(socket.gethostname(), None)
    except OSError as error:
        return f"this machine cannot look up its own name {socket.gethostname()}: {error}"
    if Path("/dev/nvidiactl").exists():
        return "this machine has GPUs: its jobs would take the pretended ones for them"
    owner = _owner()
    if owner is None and (ETC / "slurm.conf").exists():
        return f"{ETC}/slurm.conf belongs to a Slurm that is there already"
    if owner is not None and Path(f"/proc/{owner}").exists():
        return f"the tests of process {owner} have their Slurm here"
    return None


def _install() -> str | None:
    missing = "slurm-wlm and munge are not installed"
    if os.geteuid() != 0:
        return f"{missing}, and only root can install them"
    if not shutil.which("apt-get"):
        return f"{missing}, and there is no apt-get to install them with"
    # RUNLEVEL=1: the packages' own services are not started where there is no systemd to ask.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    packages = ["slurm-wlm", "munge"]
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            return f"{missing}, and apt-get {command[0]} failed: {done.stderr.strip()[-200:]}"
    return None


def _owner() -> int | None:
    """The process whose tests wrote the installed configuration, None where it is somebody else's or there is none."""
    try:
        first = (ETC / "slurm.conf").read_text().splitlines()[0]
    except (OSError, IndexError):
        return None
    found = re.fullmatch(r"# started by the tests of process (\d+)", first)
    return int(found[1]) if found else None


class OneNodeSlurm:
    """Starts the daemons, asks them, and lets their node fail."""

    def __init__(self, gpus: int = 2):
        self.gpus, self.host = gpus, socket.gethostname().split(".")[0]
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: a socket's path may have 108 letters
        self.environment = os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """Write the configuration, start the daemons and wait until the node is idle."""
        self._stop_leftovers()
        self.folder.chmod(0o755)
        self._write_files()
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        self.run(
            "munged", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket",
            f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
            f"--seed-file={self.folder}/munge.seed",
        )  # fmt: skip
        self.run("slurmctld", "-c", "-f", self.folder / "slurm.conf")
        self.run("slurmd", "-c", "-f", self.folder / "slurm.conf")
        wait_until(lambda: self.run("sinfo", "--noheader", "--format=%T").startswith("idle"), "the node is idle")

    def stop(self) -> None:
        """Cancel all jobs, stop the daemons and remove what was written."""
        try:
            self.run("scancel", "--user=root")
            wait_until(lambda: not self.jobs("RUNNING", "COMPLETING"), "jobs end")
        finally:
            _stop_daemons(self.folder)
            for name in INSTALLED_FILES:
                (ETC / name).unlink(missing_ok=True)
            shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command) -> str:
        """What a command says; it must succeed."""
        done = subprocess.run(list(map(str, command)), env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def jobs(self, *states: str) -> list[dict[str, str]]:
        """All jobs since the start, or those in one of these states, as `scontrol show job` has them."""
        lines = self.run("scontrol", "--oneliner", "show", "job").splitlines()
        jobs = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
        return [job for job in jobs if "JobId" in job and (not states or job["JobState"] in states)]

    def devices(self) -> dict[str, set[str]]:
        """CUDA_VISIBLE_DEVICES as the steps of each job had it, by job; - where it was not set."""
        devices: dict[str, set[str]] = {}
        for line in (self.folder / "devices").read_text().splitlines():
            job, visible = line.split()
            devices.setdefault(job, set()).add(visible)
        return devices

    def processes(self, word: str) -> dict[int, str]:
        """The jobs' processes whose command line has this word, each with its job."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            job = re.search(rb"(?:^|\0)SLURM_JOB_ID=(\d+)", _bytes(process / "environ"))
            if job and word.encode() in _bytes(process / "cmdline").split(b"\0"):
                found[int(process.name)] = job[1].decode()
        return found

    def lose_node(self) -> None:
        """As when the node's power goes and comes back: its daemon and its jobs' processes die, then it is back."""
        _kill(_pid(self.folder / "slurmd.pid"), signal.SIGKILL)
        processes = list(Path("/proc").glob("[0-9]*"))
        watchers = [each for each in processes if _bytes(each / "cmdline").startswith(b"slurmstepd:")]
        programs = [each for each in processes if b"SLURM_JOB_ID=" in _bytes(each / "environ")]
        for process in [*watchers, *programs]:  # in this order: a watcher would tell the controller of a program's end
            _kill(int(process.name), signal.SIGKILL)
        self.run("scontrol", "update", f"NodeName={self.host}", "State=DOWN", "Reason=lost")
        self.run("slurmd", "-c", "-f", self.folder / "slurm.conf")
        time.sleep(5)  # the controller's order to clean up arrives, and must not find jobs that have started again
        self.run("scontrol", "update", f"NodeName={self.host}", "State=RESUME")
        for job in self.jobs("PENDING"):
            if job["Reason"] == "BeginTime":  # Slurm would wait two minutes
                self.run("scontrol", "update", f"JobId={job['JobId']}", "StartTime=now")

    def _write_files(self) -> None:
        ports = {"controller_port": _free_port(), "node_port": _free_port()}
        facts = {"folder": self.folder, "host": self.host, "gpus": self.gpus, "owner": os.getpid(), **ports}
        prolog = self.folder / "prolog"
        prolog.write_text(PROLOG.format(**facts))
        prolog.chmod(0o755)
        (self.folder / "devices").touch()
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**facts))
        (self.folder / "gres.conf").write_text(
            f"NodeName={self.host} Name=gpu File={self.folder}/nvidia[0-{self.gpus - 1}]\n"
        )
        for k in range(self.gpus):
            # Only for a character device, here one like /dev/null, does Slurm set CUDA_VISIBLE_DEVICES.
            os.mknod(self.folder / f"nvidia{k}", 0o020666, os.makedev(1, 3))
        for name in INSTALLED_FILES:
            (ETC / name).unlink(missing_ok=True)
            (ETC / name).symlink_to(self.folder / name)

    def _stop_leftovers(self) -> None:
        """Stop the daemons of tests that were killed."""
        if _owner() is not None:
            folder = (ETC / "slurm.conf").resolve().parent
            _stop_daemons(folder)
            shutil.rmtree(folder, ignore_errors=True)


def wait_until(true, what: str, seconds: float = 60) -> None:
    """Wait until a function returns something true, and return it; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"waited {seconds} s in vain until {what}"
        time.sleep(0.1)
    return found


def _stop_daemons(folder: Path) -> None:
    for name in DAEMONS:
        if pid := _pid(folder / f"{name}.pid"):
            _kill(pid, signal.SIGTERM)
            wait_until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), f"{name} ends")


def _pid(file: Path) -> int | None:
    return int(file.read_text()) if file.exists() and file.read_text().strip() else None


def _kill(pid: int | None, how: int) -> None:
    try:
        if pid:
            os.kill(pid, how)
    except ProcessLookupError:
        pass


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process is gone
        return b""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
