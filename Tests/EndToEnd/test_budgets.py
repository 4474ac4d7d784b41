"""Memory and start-up, as numbers that an operator would feel."""
import pathlib
import subprocess
import time

from conftest import until


def resident(pid):
    """MiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024


def test_the_engine_stays_below_60_mib_with_16_parts_in_flight(davit, sandbox, big_file):
    davit.run("slots", "5", "--parts", "16", check=0)
    davit.run("limit", "100MiB", check=0)
    davit.run("add", big_file, f"oss://{sandbox.bucket}/big.mov", check=0)
    until(lambda: davit.json("status")["parts_sending"] == 16, what="16 parts in flight")
    davit.run("wait", check=0)

    assert resident(davit.pid()) < 60


def test_help_and_status_answer_within_100_ms(davit):
    davit.run("engine", "start", check=0)

    for arguments in (["--help"], ["status"]):
        times = []
        for _ in range(5):
            begun = time.monotonic()
            subprocess.run(davit.command(*arguments), env=davit.environment, stdout=subprocess.DEVNULL, check=True)
            times.append(time.monotonic() - begun)
        assert sorted(times)[2] < 0.1, (arguments, times)
