#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# pwsh.sh: prints the paths of a PowerShell and of its test framework Pester, which the .NET SDK
# installs into the cache once. Exits with 77 if there is no SDK, or if it cannot install them.
set -euo pipefail

powershell=7.6.9 pester=6.2.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hv-logoff
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

command -v dotnet >/dev/null || { echo "there is no .NET SDK" >&2; exit 77; }

install_powershell() {
	rm -rf "$cache/powershell-$powershell"
	dotnet tool install PowerShell --version "$powershell" \
		--tool-path "$cache/powershell-$powershell" >&2
}

# NuGet unpacks what a project refers to.
install_pester() {
	local work
	work=$(mktemp -d "$cache/pester.XXXXXX")
	cat >"$work/pester.csproj" <<-EOF
		<Project Sdk="Microsoft.NET.Sdk">
		  <PropertyGroup><TargetFramework>netstandard2.0</TargetFramework></PropertyGroup>
		  <ItemGroup><PackageDownload Include="Pester" Version="[$pester]"/></ItemGroup>
		</Project>
	EOF
	rm -rf "$cache/pester-$pester"
	dotnet restore "$work/pester.csproj" --packages "$work/packages" >&2 &&
		mv "$work/packages/pester/$pester/tools" "$cache/pester-$pester"
	rm -rf "$work"
	[[ -e $cache/pester-$pester/Pester.psd1 ]]
}

mkdir -p "$cache"
exec 9>"$cache/powershell.lock"
flock 9
pwsh=$cache/powershell-$powershell/pwsh module=$cache/pester-$pester/Pester.psd1
[[ -x $pwsh ]] || install_powershell || exit 77
[[ -e $module ]] || install_pester || exit 77
printf '%s\n' "$pwsh" "$module"
