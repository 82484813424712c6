#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""installer.py FOLDER RELEASE: installs, upgrades and uninstalls the installers of a folder under Wine,
and writes TAP. The prefix is that of the environment."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from tap import run_all

WINE = "/usr/lib/wine/wine64"
FOLDER = pathlib.Path(sys.argv[1]).resolve()
RELEASE = sys.argv[2]
LATER = "99.0.0"
LIMIT = 300
DRIVE = pathlib.Path(os.environ["WINEPREFIX"]) / "drive_c"
PROGRAM = DRIVE / "Program Files/hv-logoff"
MODULE = DRIVE / "Program Files/WindowsPowerShell/Modules/HvLogoff"
ENTRY = "C:\\Program Files\\hv-logoff\\"
SOURCE = r"HKLM\System\CurrentControlSet\Services\EventLog\Application\hv-logoff"
ENVIRONMENT = r"HKLM\System\CurrentControlSet\Control\Session Manager\Environment"
SERVICES = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Virtualization\GuestCommunicationServices"
SERVICE = SERVICES + r"\{0000036d-facb-11e6-bd58-64006a7986d3}"
OTHER = SERVICES + r"\{00000380-facb-11e6-bd58-64006a7986d3}"
UNINSTALL = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall"


def wine(*arguments, expected=0):
    """Exit statuses have 8 bits under Wine. Its services keep the output open, so it is a file."""
    with tempfile.TemporaryFile() as output:
        done = subprocess.run([WINE, *arguments], cwd=FOLDER, stdin=subprocess.DEVNULL,
                              stdout=output, stderr=subprocess.STDOUT, timeout=LIMIT, check=False)
        output.seek(0)
        text = output.read().decode(errors="replace").replace("\r", "")
    assert done.returncode == expected & 0xFF, (done, text)
    return text


def msiexec(action, name, expected=0):
    wine("msiexec", action, str(FOLDER / name), "/qn", expected=expected)


def whole_path():
    """The value of the machine's Path."""
    line = next(line for line in wine("reg", "query", ENVIRONMENT, "/v", "Path").splitlines()
                if "REG_" in line)
    assert "REG_EXPAND_SZ" in line, line
    return line.split("REG_EXPAND_SZ")[1].strip()


def path():
    """The entries of the machine's Path. Wine leaves the separator of an entry that is removed."""
    return [entry for entry in whole_path().split(";") if entry]


def products():
    """The versions of hv-logoff among the installed programs."""
    text = wine("reg", "query", UNINSTALL, "/s")
    return [key.split("DisplayVersion    REG_SZ    ")[1].split("\n")[0]
            for key in text.split("HKEY_") if "DisplayName    REG_SZ    hv-logoff\n" in key]


def files(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def keys():
    """The registry's keys for the machine, except Windows Installer's own and those of displays, and
    all lines that name hv-logoff or its module. Wine's explorer makes a key for the display whenever
    it starts, which on a busy machine can be after the installation."""
    copy = DRIVE / "registry.reg"
    wine("reg", "export", "HKLM", "C:\\registry.reg", "/y")
    lines = copy.read_text("utf-16").splitlines()
    copy.unlink()
    return {line for line in lines if re.search("hv-?logoff", line, re.I) or
            line.startswith("[") and not re.search(r"\\Installer|\\Control\\Video", line)}


def run_script(text):
    (FOLDER / "script.vbs").write_text(text)
    return wine("cscript", "//nologo", "script.vbs")


def is_installed(release):
    package = FOLDER / "hv-logoff"
    expected = [name for name in files(package) if not name.startswith(("sdk/", "HvLogoff/"))]
    assert files(PROGRAM) == expected, files(PROGRAM)
    assert [folder.name for folder in MODULE.iterdir()] == [release], list(MODULE.iterdir())
    assert files(MODULE / release) == files(package / "HvLogoff"), files(MODULE)
    assert products() == [release], products()
    assert path() == BEFORE["path"] + [ENTRY], path()
    assert f"{ENTRY}vmlogoff.exe\n" in wine("reg", "query", SOURCE, "/v", "EventMessageFile")
    assert "REG_SZ    hv-logoff\n" in wine("reg", "query", SERVICE, "/v", "ElementName")


def install():
    msiexec("/i", "first.msi")
    is_installed(RELEASE)


def use():
    """By PATH, as the registry has it for a new program."""
    assert wine("vmlogoff", "--version") == f"vmlogoff {RELEASE}\n"


def use_the_com_server():
    version = run_script('WScript.Echo CreateObject("HvLogoff.Application").Version')
    assert version == f"{RELEASE}\n", version


def another_build():
    msiexec("/i", "same.msi")
    is_installed(RELEASE)


def upgrade():
    msiexec("/i", "later.msi")
    is_installed(LATER)


def downgrade_is_refused():
    msiexec("/i", "first.msi", expected=1603)
    is_installed(LATER)


def uninstall():
    msiexec("/x", "later.msi")
    assert not PROGRAM.exists() and not MODULE.exists(), files(DRIVE / "Program Files")
    assert path() == BEFORE["path"], path()
    # Of the services for Hyper-V sockets, only that of hv-logoff is removed.
    assert "REG_SZ    another\n" in wine("reg", "query", OTHER, "/v", "ElementName")
    wine("reg", "query", SERVICE, expected=1)
    assert products() == [] and not keys() - BEFORE["keys"], keys() - BEFORE["keys"]
    assert not set(files(DRIVE)) - set(BEFORE["files"]), set(files(DRIVE)) - set(BEFORE["files"])


TESTS = [install, use, use_the_com_server, another_build, upgrade, downgrade_is_refused,
         uninstall]
run_script("")  # cscript registers its own types
wine("reg", "add", OTHER, "/v", "ElementName", "/d", "another", "/f")
BEFORE = {"path": path(), "keys": keys(), "files": files(DRIVE)}


def main():
    before = whole_path()
    MODULE.parent.mkdir(parents=True, exist_ok=True)  # part of Windows
    failed = run_all(TESTS)
    wine("reg", "add", ENVIRONMENT, "/v", "Path", "/t", "REG_EXPAND_SZ", "/d", before, "/f")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
