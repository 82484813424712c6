# SPDX-License-Identifier: GPL-2.0-or-later
# Pester tests with a real vmlogoff and fake machines. $env:PWSH, $env:VMLOGOFF and $env:FLEET are the
# programs that they start.

BeforeDiscovery {
    $folder = Join-Path $PSScriptRoot 'HvLogoff'
    $files = Get-ChildItem $folder -Include *.psm1, *.psd1 -Recurse
    $commands = Import-Module $folder -ArgumentList $env:VMLOGOFF -PassThru | ForEach-Object { $_.ExportedFunctions.Keys }
}

Describe 'HvLogoff' {
    BeforeAll {
        Import-Module (Join-Path $PSScriptRoot 'HvLogoff') -ArgumentList $env:VMLOGOFF -Force

        function Start-Fleet([string[]] $Machines) {
            $info = [System.Diagnostics.ProcessStartInfo]::new($env:FLEET)
            $info.RedirectStandardInput = $info.RedirectStandardOutput = $true
            foreach ($machine in $Machines) { $info.ArgumentList.Add($machine) }
            $script:fleet = [System.Diagnostics.Process]::Start($info)
            $env:HVHOST_DIR = $script:fleet.StandardOutput.ReadLine()
        }

        function Get-Fleet([string] $Command) {
            $script:fleet.StandardInput.WriteLine($Command)
            $script:fleet.StandardOutput.ReadLine()
        }

        # An object like those of Get-VM, as another session would deserialize it.
        function New-Machine([string] $Name) {
            $config = Get-Content (Join-Path $env:HVHOST_DIR $Name 'machine.json') | ConvertFrom-Json
            $machine = [pscustomobject] @{ Name = $Name; Id = [guid] $config.guid }
            $machine.PSObject.TypeNames.Insert(0, 'Deserialized.Microsoft.HyperV.PowerShell.VirtualMachine')
            $machine
        }
    }

    AfterEach {
        if ($script:fleet) {
            $script:fleet.StandardInput.Close()
            $script:fleet.WaitForExit()
            $script:fleet = $null
        }
    }

    Context 'Invoke-VMUserLogoff' {
        It 'logs off several machines and returns objects' {
            Start-Fleet 'vdi-01=users', 'vdi-02=nobody', 'web=users'
            $results = Invoke-VMUserLogoff 'vdi-*' -Force -PassThru | Sort-Object VMName
            $results.VMName | Should -Be 'vdi-01', 'vdi-02'
            $results.Result | Should -Be 'S_OK', 'ERROR_NO_SUCH_LOGON_SESSION'
            $results[0].PSObject.TypeNames[0] | Should -Be 'HvLogoff.Result'
            $results[0].Sessions[0].user | Should -Be 'anna'
            $results[0].Ended | Should -Be 1
            $results[0].VMId | Should -Not -BeNullOrEmpty
            Get-Fleet 'logoffs web' | Should -Be 0
        }

        It 'returns nothing without -PassThru' {
            Start-Fleet 'a=users'
            Invoke-VMUserLogoff a -Force | Should -BeNullOrEmpty
            Get-Fleet 'logoffs a' | Should -Be 1
        }

        It 'passes texts unchanged: <_>' -ForEach 'x" --force "', '-f', '$(id) `id` %PATH% \', "a 'b' \""c\\", ([char] 0xe4 + [char]::ConvertFromUtf32(0x1f600)) {
            Start-Fleet 'a=users'
            Invoke-VMUserLogoff a -Force -Message $_ -User $_
            $request = Get-Fleet 'last a' | ConvertFrom-Json
            $request.message | Should -BeExactly $_
            $request.user | Should -BeExactly $_
            $request.force | Should -BeFalse
        }

        It 'does not take a name for an option' {
            Start-Fleet 'a=users'
            { Invoke-VMUserLogoff -VMName '--all' -Force -ErrorAction Stop } | Should -Throw -ErrorId 'VM_E_VM_UNKNOWN,Invoke-VMUserLogoff'
            Get-Fleet 'logoffs a' | Should -Be 0
        }

        It 'passes all parameters' {
            Start-Fleet 'a=users'
            Invoke-VMUserLogoff a -Force -GraceSeconds 2 -TimeoutSeconds 90 -Session 4 -Kill -IncludeLingering -NoLogons
            $request = Get-Fleet 'last a' | ConvertFrom-Json
            $request.grace | Should -Be 2
            $request.timeout | Should -Be 90
            $request.session | Should -Be 4
            $request.force | Should -BeTrue
            $request.include_lingering | Should -BeTrue
            $request.no_logins | Should -BeTrue
        }

        It 'takes objects of Get-VM by their id, and names, from the pipeline' {
            Start-Fleet 'a=users', 'b=users'
            New-Machine a | Invoke-VMUserLogoff -Force
            'b' | Invoke-VMUserLogoff -Force
            Get-Fleet 'logoffs a' | Should -Be 1
            Get-Fleet 'logoffs b' | Should -Be 1
            { [pscustomobject] @{ Name = 'a' } | Invoke-VMUserLogoff -Force -ErrorAction Stop } | Should -Throw
            Get-Fleet 'logoffs a' | Should -Be 1
        }

        It 'does nothing with -WhatIf' {
            Start-Fleet 'a=users'
            Invoke-VMUserLogoff a -WhatIf
            Invoke-VMUserLogoff a -Force -WhatIf
            Get-Fleet 'logoffs a' | Should -Be 0
        }

        It 'does nothing where nobody can be asked' {
            Start-Fleet 'a=users'
            { Invoke-VMUserLogoff a -ErrorAction Stop } | Should -Throw
            Get-Fleet 'logoffs a' | Should -Be 0
        }

        It 'writes an error for each machine that fails, and continues' {
            Start-Fleet 'a=busy', 'b=users', 'c=stopped'
            $results = Invoke-VMUserLogoff a, b, c -Force -PassThru -ErrorVariable failures -ErrorAction SilentlyContinue
            $results.VMName | Should -Be 'b'
            $failures = $failures | Sort-Object TargetObject
            $failures.TargetObject | Should -Be 'a', 'c'
            $failures.FullyQualifiedErrorId | Should -Be 'ERROR_BUSY,Invoke-VMUserLogoff', 'VM_E_VM_NOT_RUNNING,Invoke-VMUserLogoff'
            $failures[0].CategoryInfo.Category | Should -Be 'ResourceBusy'
            $failures[0].Exception.HResult | Should -Be 0x800700aa
        }

        It 'reports what vmlogoff refuses' {
            Start-Fleet 'a=users'
            { Invoke-VMUserLogoff a -Force -GraceSeconds 90 -ErrorAction Stop } | Should -Throw -ExpectedMessage '*"grace" must be less than "timeout"*'
            Get-Fleet 'logoffs a' | Should -Be 0
        }

        It 'cancels when the pipeline is stopped' {
            Start-Fleet 'a=grace', 'b=grace'
            $shell = [powershell]::Create()
            $null = $shell.AddScript({
                    param($Module, $VmLogoff)
                    Import-Module $Module -ArgumentList $VmLogoff
                    Invoke-VMUserLogoff a, b -Force -GraceSeconds 900 -TimeoutSeconds 1000
                }).AddArgument((Join-Path $PSScriptRoot 'HvLogoff')).AddArgument($env:VMLOGOFF)
            $running = $shell.BeginInvoke()
            Get-Fleet 'active 2' | Should -Be 'ok'
            $shell.Stop()
            Get-Fleet 'active 0' | Should -Be 'ok'
            Get-Fleet 'cancels 2' | Should -Be 'ok'
            $running.IsCompleted | Should -BeTrue
            $shell.Dispose()
        }

        It 'cancels when PowerShell is killed' {
            Start-Fleet 'a=grace'
            # What is started may itself start the PowerShell, which prints its process id.
            $script = "`$PID; Import-Module '$PSScriptRoot/HvLogoff' -ArgumentList '$env:VMLOGOFF'; " +
                'Invoke-VMUserLogoff a -Force -GraceSeconds 900 -TimeoutSeconds 1000'
            $info = [System.Diagnostics.ProcessStartInfo]::new($env:PWSH)
            $info.RedirectStandardOutput = $true
            foreach ($argument in '-NoProfile', '-NonInteractive', '-Command', $script) { $info.ArgumentList.Add($argument) }
            $other = [System.Diagnostics.Process]::Start($info)
            Get-Fleet 'active 1' | Should -Be 'ok'
            Stop-Process -Id $other.StandardOutput.ReadLine() -Force
            Get-Fleet 'cancels 1' | Should -Be 'ok'
            Get-Fleet 'active 0' | Should -Be 'ok'
        }

        It 'says what is missing without vmlogoff' {
            Import-Module (Join-Path $PSScriptRoot 'HvLogoff') -ArgumentList '/nonexistent/vmlogoff' -Force
            try {
                { Invoke-VMUserLogoff a -Force } | Should -Throw -ExpectedMessage '*no /nonexistent/vmlogoff*'
            } finally {
                Import-Module (Join-Path $PSScriptRoot 'HvLogoff') -ArgumentList $env:VMLOGOFF -Force
            }
        }
    }

    Context 'Get-VMUserSession' {
        It 'ends no session' {
            Start-Fleet 'a=users', 'b=nobody'
            $sessions = Get-VMUserSession a, b
            $sessions.User | Should -Be 'anna'
            $sessions.VMName | Should -Be 'a'
            $sessions.Session | Should -Be '4'
            $sessions.Uid | Should -Be 1000
            (Get-Fleet 'last a' | ConvertFrom-Json).dry_run | Should -BeTrue
            (Get-Fleet 'last b' | ConvertFrom-Json).dry_run | Should -BeTrue
        }
    }

    Context 'Stop-VMUserLogoff' {
        It 'cancels the logoff of another process' {
            Start-Fleet 'a=grace'
            { Stop-VMUserLogoff a -ErrorAction Stop } | Should -Throw -ErrorId 'ERROR_NOT_FOUND,Stop-VMUserLogoff'
            $other = Start-Process $env:VMLOGOFF -ArgumentList '--grace', '900', '--timeout', '1000', 'a' -PassThru -RedirectStandardError (Join-Path $TestDrive err) -RedirectStandardOutput (Join-Path $TestDrive out)
            Get-Fleet 'active 1' | Should -Be 'ok'
            Stop-VMUserLogoff a -WhatIf
            (Stop-VMUserLogoff a -PassThru).VMName | Should -Be 'a'
            $other.WaitForExit()
            $other.ExitCode | Should -Be 5
        }
    }

    Context 'The module' {
        It 'Windows PowerShell 5.1 can parse <_.Name>' -ForEach $files {
            $errors = $tokens = $null
            $tree = [System.Management.Automation.Language.Parser]::ParseFile($_.FullName, [ref] $tokens, [ref] $errors)
            $errors | Should -BeNullOrEmpty
            $newer = 'TernaryExpressionAst', 'PipelineChainAst'
            $tree.FindAll({ $newer -contains $args[0].GetType().Name }, $true) | Should -BeNullOrEmpty
            $tokens.Kind | Where-Object { $_ -in 'QuestionDot', 'QuestionLBracket', 'QuestionQuestion', 'QuestionQuestionEquals' } | Should -BeNullOrEmpty
            # Without a BOM, it reads files in the ANSI code page.
            [System.IO.File]::ReadAllBytes($_.FullName) | Where-Object { $_ -gt 127 } | Should -BeNullOrEmpty
        }

        It '<_> has an approved verb, and help with an example' -ForEach $commands {
            (Get-Verb).Verb | Should -Contain $_.Split('-')[0]
            $help = Get-Help $_
            $help.Synopsis | Should -Not -BeNullOrEmpty
            $help.Examples.Example.Count | Should -BeGreaterThan 0
            foreach ($parameter in $help.Parameters.Parameter) {
                if ($parameter.Name -notin 'WhatIf', 'Confirm') {
                    $parameter.Description.Text | Should -Not -BeNullOrEmpty -Because $parameter.Name
                }
            }
        }
    }
}
