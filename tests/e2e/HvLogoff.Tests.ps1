# SPDX-License-Identifier: GPL-2.0-or-later
# The PowerShell module with a guest. In the environment: MODULE, VMLOGOFF, and HVHOST with MACHINE,
# where no user is logged on.

Describe 'HvLogoff' {
    BeforeAll {
        Import-Module $env:MODULE -ArgumentList $env:VMLOGOFF

        function Invoke-Guest([string] $Script) {
            $output = & $env:HVHOST exec $env:MACHINE -- $Script
            $LASTEXITCODE | Should -Be 0
            $output
        }

        function Wait-For([scriptblock] $Condition) {
            $clock = [System.Diagnostics.Stopwatch]::StartNew()
            while (-not (& $Condition)) {
                $clock.Elapsed.TotalSeconds | Should -BeLessThan 300
                Start-Sleep -Milliseconds 200
            }
        }

        $opened = 'login alice', 'pam bob' | ForEach-Object { Invoke-Guest "open-session $_" }
    }

    It 'lists the sessions' {
        $sessions = Get-VMUserSession $env:MACHINE | Sort-Object User
        $sessions.User | Should -Be 'alice', 'bob'
        $sessions.Session | Should -Be $opened
    }

    It 'cancels when the pipeline is stopped in the grace' {
        $shell = [powershell]::Create()
        $null = $shell.AddScript({
                param($Module, $VmLogoff, $Machine)
                Import-Module $Module -ArgumentList $VmLogoff
                Invoke-VMUserLogoff $Machine -Force -GraceSeconds 900 -TimeoutSeconds 1000
            }).AddArgument($env:MODULE).AddArgument($env:VMLOGOFF).AddArgument($env:MACHINE)
        $running = $shell.BeginInvoke()
        Wait-For { $shell.Streams.Progress.StatusDescription -like 'Waiting for the users*' }
        $shell.Stop()
        $running.IsCompleted | Should -BeTrue
        # While the logoff is in progress, another request is refused.
        Wait-For { Get-VMUserSession $env:MACHINE -ErrorAction SilentlyContinue }
        Invoke-Guest 'loginctl list-sessions --no-legend | wc -l' | Should -Be 2
    }

    It 'logs off all users' {
        $result = Invoke-VMUserLogoff $env:MACHINE -Message 'Good night.' -Force -PassThru
        $result.Result | Should -Be 'S_OK'
        $result.Ended | Should -Be 2
        ($result.Sessions | Where-Object outcome -eq 'ended').session | Sort-Object | Should -Be ($opened | Sort-Object)
        Invoke-Guest 'loginctl list-sessions --no-legend | wc -l' | Should -Be 0
        (Invoke-VMUserLogoff $env:MACHINE -Force -PassThru).Result | Should -Be 'ERROR_NO_SUCH_LOGON_SESSION'
    }
}
