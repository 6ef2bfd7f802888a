"""The wheel holds what is imported, typed, and nothing else."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

PACKAGE = Path(__file__).resolve().parents[1]


def test_the_wheel_holds_the_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    done = subprocess.run([*build, str(PACKAGE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = ZipFile(wheel).namelist()
    source = PACKAGE / "src"
    files = [path for path in source.rglob("*") if path.suffix in (".py", ".pyi", ".typed")]
    packed = {name for name in names if not name.startswith("throughline_memory-")}
    assert packed == {str(path.relative_to(source)) for path in files} | {"throughline/py.typed"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
