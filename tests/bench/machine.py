"""What the kernel says of processes and of the machine: proc(5)."""

import os
import time

TICKS = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count()


def cpu_seconds(pid):
    """User and system time of a process, with that of its children that have ended."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        # The name before it, in parentheses, may hold anything.
        fields = file.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def memory(pid, field="VmRSS"):
    """Bytes; `VmHWM` is the most since `forget_peak`."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) << 10
    raise RuntimeError(f"process {pid} has no {field}")


def forget_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(child) for child in file.read().split()]


def model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return f"{CORES} × {names[0] if names else os.uname().machine}"


def busy_seconds():
    """Of all cores since the boot: user, nice, system and stolen time.

    Interrupts are left out. Those of the loopback are the load itself, and nobody's time.
    """
    with open("/proc/stat", encoding="utf-8") as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    user, nice, system, steal = *fields[:3], fields[7]
    return (user + nice + system + steal) / TICKS


class Load:
    """How much of the machine others have used while we were measuring; `pids`: our servers."""

    def __init__(self, pids):
        self.pids = pids
        self.seconds = 0
        self.others = 0

    def watch(self):
        """Begins; what it returns is to be called at the end, when our own children have been waited for."""
        begun, busy, own = time.monotonic(), busy_seconds(), self.own_seconds()

        def end():
            self.seconds += time.monotonic() - begun
            self.others += busy_seconds() - busy - (self.own_seconds() - own)

        return end

    def own_seconds(self):
        """CPU time of this process, of its children that have ended, and of the servers."""
        return sum(os.times()[:4]) + sum(map(cpu_seconds, self.pids))

    def share(self):
        """Of all cores' time."""
        return max(0, self.others) / (self.seconds * CORES) if self.seconds else 0
