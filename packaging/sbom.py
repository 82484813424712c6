#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sbom.py BUILD RELEASE: prints a software bill of materials of the programs in BUILD (CycloneDX 1.5).

It lists each program with its checksum and the libraries that it is linked with, as the Debian packages
that they are from on this system. What these libraries need is not listed. There is no date and no
serial number: the same programs and packages give the same list.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from urllib.parse import quote

PROGRAMS = ["hv-logoffctl", "hv-logoffd", "hv-logoff-notifier", "libvmguestos.so", "vmlogoff"]
# Linked into the program itself.
STATIC = {"vmlogoff": ["libvmguestos.so"]}

# These contain code of the driver: see debian/copyright.
GPL2_ONLY = ["hv-logoffd", "libvmguestos.so", "vmlogoff"]


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def needed(path):
    """The files of the libraries that the program is linked with."""
    names = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--wide", "--dynamic", path))
    paths = re.findall(r"(/\S+) \(0x", run("ldd", path))
    files = {os.path.basename(path): path for path in paths}
    return [files[name] for name in names]


def package(path):
    """The Debian package of a file, as a component."""
    # dpkg knows files by the names that packages have, without the merge of /lib and /usr/lib.
    real = os.path.realpath(path)
    for candidate in (path, real, real.removeprefix("/usr")):
        found = subprocess.run(["dpkg-query", "--search", candidate], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, check=False)
        if found.returncode == 0:
            break
    else:
        raise SystemExit(f"sbom.py: {path} is not from a Debian package")
    name = found.stdout.split(": ")[0]
    fields = "${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}"
    binary, version, arch, source, source_version = run("dpkg-query", "--show", "-f", fields, name).split()
    purl = f"pkg:deb/debian/{quote(binary)}@{quote(version)}?arch={arch}"
    return {"type": "library", "bom-ref": purl, "name": binary, "version": version, "purl": purl,
            "properties": [{"name": "debian:source", "value": f"{source} {source_version}"}]}


def program(build, name, release):
    with open(os.path.join(build, name), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return {"type": "library" if ".so" in name else "application", "bom-ref": name, "name": name,
            "version": release, "hashes": [{"alg": "SHA-256", "content": digest}],
            "licenses": [{"license": {"id": "GPL-2.0-only" if name in GPL2_ONLY
                                      else "GPL-2.0-or-later"}}]}


def main(build, release):
    packages, dependencies = {}, []
    for name in PROGRAMS:
        links = [package(path) for path in needed(os.path.join(build, name))]
        packages.update({link["bom-ref"]: link for link in links})
        refs = {link["bom-ref"] for link in links} | set(STATIC.get(name, []))
        dependencies.append({"ref": name, "dependsOn": sorted(refs)})
    json.dump({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "hv-logoff", "name": "hv-logoff",
                                   "version": release}},
        "components": [program(build, name, release) for name in PROGRAMS] +
                      [packages[ref] for ref in sorted(packages)],
        "dependencies": [{"ref": "hv-logoff", "dependsOn": PROGRAMS}] + dependencies,
    }, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
