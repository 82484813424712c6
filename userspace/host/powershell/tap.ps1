# SPDX-License-Identifier: GPL-2.0-or-later
# tap.ps1 PESTER FOLDER: runs the Pester tests in a folder and prints their results as TAP.
param([string] $Pester, [string] $Folder)

$ErrorActionPreference = 'Stop'
Import-Module $Pester
$configuration = New-PesterConfiguration
$configuration.Run.Path = $Folder
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'None'
$run = Invoke-Pester -Configuration $configuration
$number = 0
foreach ($test in $run.Tests) {
    $number++
    $good = 'not ok'
    if ($test.Result -eq 'Passed') { $good = 'ok' }
    # A name with a line break or a # would be another line or a directive.
    $name = $test.ExpandedPath -replace '[\r\n#]', '?'
    "$good $number - $name"
    foreach ($record in $test.ErrorRecord) { ($record | Out-String).Trim() -replace '(?m)^', '# ' }
}
foreach ($record in $run.Containers.ErrorRecord) { ($record | Out-String).Trim() -replace '(?m)^', '# ' }
"1..$number"
if ($run.Result -ne 'Passed' -or -not $number) { exit 1 }
