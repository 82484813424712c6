# SPDX-License-Identifier: GPL-2.0-or-later
# Pester tests with a real vmlogoff and fake machines. $env:PWSH, $env:VMLOGOFF and $env:FLEET are the
# programs that they start.

BeforeDiscovery {
    $folder = Join-Path $PSScriptRoot 'HvLogoff'
    $files = Get-ChildItem $folder -Include *.psm1, *.psd1, *.psrc -Recurse
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

        # vmlogoff for Linux reaches no other hosts. This one keeps its arguments and requests, and
        # waits until there are as many of these.
        function Set-OtherVmLogoff([int] $Count) {
            $path = Join-Path $TestDrive 'vmlogoff'
            Remove-Item (Join-Path $TestDrive '*')
            @(
                '#!/bin/sh'
                'cd "${0%/*}" || exit'
                'IFS= read -r line; echo "$*" >>arguments; printf ''%s\n'' "$line" >>requests'
                "for i in `$(seq 1000); do [ `$(wc -l <requests) -ge $Count ] && break; sleep 0.1; done"
                "[ `$(wc -l <requests) -eq $Count ] || exit 99"
                'echo ''{"event":"result","machine":"m","hresult":0,"name":"S_OK","text":"","found":1}'''
            ) | Set-Content $path
            chmod +x $path
            Import-Module (Join-Path $PSScriptRoot 'HvLogoff') -ArgumentList $path -Force
        }

        function Set-VmLogoff {
            Import-Module (Join-Path $PSScriptRoot 'HvLogoff') -ArgumentList $env:VMLOGOFF -Force
        }

        function Get-Request {
            Get-Content (Join-Path $TestDrive requests) | ConvertFrom-Json | Sort-Object { $_.PSObject.Properties['host'].Value }
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

        It 'stops in the middle of a pipeline of five machines' {
            Start-Fleet 'a=users', 'b=users', 'c=grace', 'd=grace', 'e=grace'
            $machines = foreach ($name in 'c', 'a', 'd', 'b', 'e') { New-Machine $name }
            $results = [System.Management.Automation.PSDataCollection[psobject]]::new()
            $shell = [powershell]::Create()
            $null = $shell.AddScript({
                    param($Module, $VmLogoff, $Machines)
                    Import-Module $Module -ArgumentList $VmLogoff
                    $Machines | Invoke-VMUserLogoff -Force -PassThru -GraceSeconds 900 -TimeoutSeconds 1000
                }).AddArgument((Join-Path $PSScriptRoot 'HvLogoff')).AddArgument($env:VMLOGOFF).AddArgument($machines)
            $running = $shell.BeginInvoke([System.Management.Automation.PSDataCollection[psobject]]::new(), $results)
            Get-Fleet 'active 3' | Should -Be 'ok'
            # Two machines are done: their results are not lost.
            for ($i = 0; $results.Count -lt 2 -and $i -lt 1000; $i++) { Start-Sleep -Milliseconds 100 }
            $shell.Stop()
            Get-Fleet 'active 0' | Should -Be 'ok'
            Get-Fleet 'cancels 3' | Should -Be 'ok'
            $running.IsCompleted | Should -BeTrue
            $results.VMName | Sort-Object | Should -Be 'a', 'b'
            $results.Result | Should -Be 'S_OK', 'S_OK'
            foreach ($name in 'a', 'b', 'c', 'd', 'e') { Get-Fleet "logoffs $name" | Should -Be 1 }
            $shell.Dispose()
        }

        It 'cancels when PowerShell is killed <_>' -ForEach '', '-AsJob' {
            Start-Fleet 'a=grace'
            # What is started may itself start the PowerShell, which prints its process id.
            $script = "`$PID; Import-Module '$PSScriptRoot/HvLogoff' -ArgumentList '$env:VMLOGOFF'; " +
                "Invoke-VMUserLogoff a -Force -GraceSeconds 900 -TimeoutSeconds 1000 $_ | Out-Null; Start-Sleep 1000"
            $info = [System.Diagnostics.ProcessStartInfo]::new($env:PWSH)
            $info.RedirectStandardOutput = $true
            foreach ($argument in '-NoProfile', '-NonInteractive', '-Command', $script) { $info.ArgumentList.Add($argument) }
            $other = [System.Diagnostics.Process]::Start($info)
            Get-Fleet 'active 1' | Should -Be 'ok'
            Stop-Process -Id $other.StandardOutput.ReadLine() -Force
            Get-Fleet 'cancels 1' | Should -Be 'ok'
            Get-Fleet 'active 0' | Should -Be 'ok'
        }

        It 'cancels when the session is closed' {
            Start-Fleet 'a=grace'
            $session = [runspacefactory]::CreateOutOfProcessRunspace($null)
            $session.Open()
            $shell = [powershell]::Create()
            $shell.Runspace = $session
            $null = $shell.AddScript({
                    param($Module, $VmLogoff, $Registry)
                    $env:HVHOST_DIR = $Registry
                    Import-Module $Module -ArgumentList $VmLogoff
                    Invoke-VMUserLogoff a -Force -GraceSeconds 900 -TimeoutSeconds 1000
                }).AddArgument((Join-Path $PSScriptRoot 'HvLogoff')).AddArgument($env:VMLOGOFF).AddArgument($env:HVHOST_DIR)
            $null = $shell.BeginInvoke()
            Get-Fleet 'active 1' | Should -Be 'ok'
            $session.Close()
            Get-Fleet 'cancels 1' | Should -Be 'ok'
            Get-Fleet 'active 0' | Should -Be 'ok'
        }

        It 'cancels when the rest of the pipeline needs no more' {
            Start-Fleet 'a=grace', 'b=users'
            (Invoke-VMUserLogoff a, b -Force -PassThru -GraceSeconds 900 -TimeoutSeconds 1000 | Select-Object -First 1).VMName | Should -Be 'b'
            Get-Fleet 'cancels 1' | Should -Be 'ok'
            Get-Fleet 'active 0' | Should -Be 'ok'
        }

        It 'starts no job without a confirmation' {
            Start-Fleet 'a=users'
            Invoke-VMUserLogoff a -AsJob -WhatIf | Should -BeNullOrEmpty
            { Invoke-VMUserLogoff a -AsJob -ErrorAction Stop } | Should -Throw
            Get-Job | Should -BeNullOrEmpty
        }

        It 'logs off in a job' {
            Start-Fleet 'a=users', 'b=busy', 'c=users'
            $job = 'a', 'b' | Invoke-VMUserLogoff -Force -AsJob -PassThru -Message 'x" --force "'
            $job | Wait-Job -Timeout 100 | Should -Be $job
            $result = Receive-Job $job -ErrorVariable failures -ErrorAction SilentlyContinue
            $result.VMName | Should -Be 'a'
            ($result | Format-Table | Out-String) | Should -Match 'VMName +Result +Found'
            $failures.FullyQualifiedErrorId | Should -BeLike 'ERROR_BUSY*'
            $failures.CategoryInfo.TargetName | Should -Be 'b'
            (Get-Fleet 'last a' | ConvertFrom-Json).message | Should -Be 'x" --force "'
            Get-Fleet 'logoffs c' | Should -Be 0
            Remove-Job $job
        }

        It 'cancels when its job is stopped' {
            Start-Fleet 'a=grace', 'b=grace'
            $job = Invoke-VMUserLogoff a, b -Force -AsJob -GraceSeconds 900 -TimeoutSeconds 1000
            Get-Fleet 'active 2' | Should -Be 'ok'
            Stop-Job $job
            Get-Fleet 'cancels 2' | Should -Be 'ok'
            Get-Fleet 'active 0' | Should -Be 'ok'
            Remove-Job $job
        }

        It 'asks all hosts at the same time, and passes a password only on standard input' {
            Set-OtherVmLogoff 2
            try {
                $machines = foreach ($computer in 'HV01', 'hv02', 'hv01') {
                    $machine = [pscustomobject] @{ Name = 'web1'; Id = [guid]::NewGuid(); ComputerName = $computer }
                    $machine.PSObject.TypeNames.Insert(0, 'Microsoft.HyperV.PowerShell.VirtualMachine')
                    $machine
                }
                $password = "s\`"e 'c%PATH%"
                $account = [pscredential]::new('CONTOSO\admin', (ConvertTo-SecureString $password -AsPlainText -Force))
                $result = $machines | Invoke-VMUserLogoff -Credential $account -Force -PassThru
                $result.ComputerName | Sort-Object | Should -Be 'HV01', 'hv02'
                $requests = Get-Request
                $requests.host | Should -Be 'HV01', 'hv02'
                $requests[0].machines | Should -Be $machines[0].Id.ToString(), $machines[2].Id.ToString()
                $requests[1].machines | Should -Be $machines[1].Id.ToString()
                $requests.user_name | Should -Be 'CONTOSO\admin', 'CONTOSO\admin'
                $requests.password | Should -Be $password, $password
                Get-Content (Join-Path $TestDrive arguments) | Should -Be '--request=-', '--request=-'
            } finally { Set-VmLogoff }
        }

        It 'passes a password to a job' {
            Set-OtherVmLogoff 1
            try {
                $account = [pscredential]::new('admin', (ConvertTo-SecureString 'secret' -AsPlainText -Force))
                $job = Invoke-VMUserLogoff web1 -ComputerName HV01 -Credential $account -Force -AsJob -PassThru
                $job | Wait-Job -Timeout 100 | Should -Be $job
                (Receive-Job $job).ComputerName | Should -Be 'HV01'
                (Get-Request).password | Should -Be 'secret'
                (Get-Request).machines | Should -Be 'web1'
                Remove-Job $job
            } finally { Set-VmLogoff }
        }

        It 'takes no credential for this computer' {
            Start-Fleet 'a=users'
            $account = [pscredential]::new('admin', (ConvertTo-SecureString 'secret' -AsPlainText -Force))
            foreach ($computer in '.', 'localhost', [Environment]::MachineName) {
                { Invoke-VMUserLogoff a -ComputerName $computer -Credential $account -Force } | Should -Throw -ExpectedMessage '*with -ComputerName*'
            }
            Invoke-VMUserLogoff a -ComputerName localhost -Force
            Get-Fleet 'logoffs a' | Should -Be 1
        }

        It 'is told that vmlogoff has crashed' {
            Set-OtherVmLogoff 2
            try {
                Set-Content (Join-Path $TestDrive requests) 1, 2, 3
                { Invoke-VMUserLogoff a -Force -ErrorAction Stop } | Should -Throw -ExpectedMessage '*status 99*'
            } finally { Set-VmLogoff }
        }

        It 'says what is missing without vmlogoff' {
            Import-Module (Join-Path $PSScriptRoot 'HvLogoff') -ArgumentList '/nonexistent/vmlogoff' -Force
            try {
                { Invoke-VMUserLogoff a -Force } | Should -Throw -ExpectedMessage '*no /nonexistent/vmlogoff*'
            } finally {
                Set-VmLogoff
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

    Context 'Watch-VMUserLogoff' {
        It 'returns an object for each session that ends, until it is stopped' {
            Start-Fleet 'a=users', 'b=users'
            $events = Watch-VMUserLogoff a, b | Select-Object -First 2
            $events.VMName | Sort-Object | Should -Be 'a', 'b'
            $events.User | Should -Be 'anna', 'anna'
            $events[0].Session | Should -Be '4'
            $events[0].Type | Should -Be 'normal'
            $events[0].Time | Should -BeOfType datetime
        }

        It 'writes an error where no events are available' {
            Start-Fleet 'a=nobody', 'b=users'
            $event = Watch-VMUserLogoff a, b -ErrorVariable failures -ErrorAction SilentlyContinue | Select-Object -First 1
            $event.VMName | Should -Be 'b'
            { Watch-VMUserLogoff a -ErrorAction Stop } | Should -Throw -ErrorId 'VM_E_ADDITIONS_FEATURE_NOT_AVAIL,Watch-VMUserLogoff'
        }
    }

    # The endpoint that Register-PSSessionConfiguration would create on Windows.
    Context 'The role capability' {
        BeforeAll {
            $before = $env:PSModulePath
            $env:PSModulePath = $PSScriptRoot
            $configuration = Join-Path $TestDrive 'HvLogoff.pssc'
            "@{ SchemaVersion = '2.0.0.0'; GUID = '$(New-Guid)'; SessionType = 'RestrictedRemoteServer'; " +
                "RoleDefinitions = @{ 'any' = @{ RoleCapabilities = 'HvLogoff' } } }" | Set-Content $configuration
            $state = [initialsessionstate]::CreateFromSessionConfigurationFile($configuration, { $true })
            $session = [runspacefactory]::CreateRunspace($state)
            $session.Open()
            $env:PSModulePath = $before
            $commands = $session.SessionStateProxy.InvokeCommand.GetCommands('*', 'All', $true)
            $module = ($commands | Where-Object Name -eq 'Watch-VMUserLogoff').Module
            $module.SessionState.PSVariable.Set('script:VmLogoff', $env:VMLOGOFF)

            function Invoke-InSession([string] $Command, [hashtable] $Parameters) {
                $shell = [powershell]::Create()
                $shell.Runspace = $session
                $shell.AddCommand($Command).AddParameters($Parameters).Invoke()
                $shell.Streams.Error | Should -BeNullOrEmpty
                $shell.Dispose()
            }
        }

        AfterAll { $session.Close() }

        It 'has parameters that exist, and none for other hosts' {
            $session.SessionStateProxy.LanguageMode | Should -Be 'NoLanguage'
            $visible = $commands | Where-Object { $_.Visibility -eq 'Public' -and $_.Name -like '*-VMUser*' }
            $visible.Name | Sort-Object | Should -Be 'Get-VMUserSession', 'Invoke-VMUserLogoff', 'Stop-VMUserLogoff'
            $file = Join-Path $PSScriptRoot 'HvLogoff' 'RoleCapabilities' 'HvLogoff.psrc'
            $role = Import-PowerShellDataFile $file
            foreach ($function in $role.VisibleFunctions) {
                $parameters = (Get-Command $function.Name).Parameters.Keys
                $function.Parameters.Name | Should -BeIn $parameters
                $function.Parameters.Name | Should -Not -BeIn 'ComputerName', 'Credential', 'VM', 'AsJob'
            }
        }

        It 'can log off users, and nothing else' {
            Start-Fleet 'a=users'
            Invoke-InSession Invoke-VMUserLogoff @{ VMName = 'a'; Force = $true; Message = '$(id)' }
            (Get-Fleet 'last a' | ConvertFrom-Json).message | Should -Be '$(id)'
            (Invoke-InSession Get-VMUserSession @{ VMName = 'a' }).User | Should -Be 'anna'
            { Invoke-InSession Invoke-VMUserLogoff @{ VMName = 'a'; Force = $true; ComputerName = 'b' } } | Should -Throw
            { Invoke-InSession Get-Content @{ Path = $configuration } } | Should -Throw
            { Invoke-InSession Watch-VMUserLogoff @{ VMName = 'a' } } | Should -Throw
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
