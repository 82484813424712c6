# SPDX-License-Identifier: GPL-2.0-or-later
# Functions over vmlogoff. Everything that a caller passes goes to its standard input as JSON, and
# never becomes part of a command line: with JEA, these functions run with more rights than the
# caller has.

# Import-Module HvLogoff -ArgumentList PATH selects another vmlogoff.
param(
    [string] $VmLogoff
)

Set-StrictMode -Version 2.0

# The full path of vmlogoff, which is not looked up in PATH.
$script:VmLogoff = $VmLogoff
if (-not $script:VmLogoff) {
    if ([System.Environment]::OSVersion.Platform -eq 'Win32NT') {
        $programs = [System.Environment]::GetFolderPath('ProgramFiles')
        $script:VmLogoff = Join-Path (Join-Path $programs 'hv-logoff') 'vmlogoff.exe'
    } else {
        $script:VmLogoff = '/usr/bin/vmlogoff'
    }
}

$script:Nobody = 'ERROR_NO_SUCH_LOGON_SESSION'

function Get-PropertyValue {
    # The property of an object of JSON, or $null.
    param($InputObject, [string] $Name)
    $property = $InputObject.PSObject.Properties[$Name]
    if ($property) { $property.Value }
}

function New-Failure {
    # The ErrorRecord of a result.
    param($Result)
    $categories = @{
        E_ACCESSDENIED                    = 'PermissionDenied'
        ERROR_ACCESS_DENIED               = 'PermissionDenied'
        E_INVALIDARG                      = 'InvalidArgument'
        ERROR_BUSY                        = 'ResourceBusy'
        ERROR_CANCELLED                   = 'OperationStopped'
        ERROR_NOT_FOUND                   = 'ObjectNotFound'
        ERROR_NO_SUCH_LOGON_SESSION       = 'ObjectNotFound'
        ERROR_TIMEOUT                     = 'OperationTimeout'
        VM_E_ADDITIONS_FEATURE_NOT_AVAIL  = 'NotInstalled'
        VM_E_TIMED_OUT                    = 'OperationTimeout'
        VM_E_VM_NOT_RUNNING               = 'ResourceUnavailable'
        VM_E_VM_UNKNOWN                   = 'ObjectNotFound'
    }
    $category = 'NotSpecified'
    if ($categories.ContainsKey($Result.name)) { $category = $categories[$Result.name] }
    $bytes = [System.BitConverter]::GetBytes([uint32] $Result.hresult)
    $hresult = [System.BitConverter]::ToInt32($bytes, 0)
    $machine = Get-PropertyValue $Result 'machine'
    $text = $Result.text
    if ($machine) { $text = "${machine}: $text" }
    $exception = New-Object System.Runtime.InteropServices.COMException $text, $hresult
    New-Object System.Management.Automation.ErrorRecord $exception, $Result.name, $category, $machine
}

function New-LocalFailure {
    param([string] $Text)
    $exception = New-Object System.InvalidOperationException $Text
    New-Object System.Management.Automation.ErrorRecord $exception, 'VmLogoffFailed', 'NotSpecified', $script:VmLogoff
}

function Start-VmLogoff {
    # Starts vmlogoff, and writes the request to its standard input, which remains open.
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param([System.Collections.IDictionary] $Request)
    $utf8 = New-Object System.Text.UTF8Encoding $false
    $info = New-Object System.Diagnostics.ProcessStartInfo
    $info.FileName = $script:VmLogoff
    $info.Arguments = '--request=-'
    $info.UseShellExecute = $false
    $info.CreateNoWindow = $true
    $info.RedirectStandardInput = $true
    $info.RedirectStandardOutput = $true
    $info.RedirectStandardError = $true
    $info.StandardOutputEncoding = $utf8
    $info.StandardErrorEncoding = $utf8
    $process = [System.Diagnostics.Process]::Start($info)
    Write-VmLogoff -Process $process -Line $Request
    $process
}

function Write-VmLogoff {
    # vmlogoff may have ended, and then does not read the line.
    param([System.Diagnostics.Process] $Process, [System.Collections.IDictionary] $Line)
    $utf8 = New-Object System.Text.UTF8Encoding $false
    $bytes = $utf8.GetBytes((ConvertTo-Json -InputObject $Line -Compress -Depth 3) + "`n")
    try {
        $Process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
        $Process.StandardInput.BaseStream.Flush()
    } catch [System.IO.IOException] {
        Write-Debug 'vmlogoff does not read its standard input any more.'
    }
}

function Read-VmLogoff {
    # Emits an object for each line of the output. If the pipeline is stopped, or an error ends it,
    # the logoff is cancelled.
    param([System.Collections.IDictionary] $Request)
    $process = Start-VmLogoff -Request $Request
    $ended = $false
    try {
        $messages = $process.StandardError.ReadToEndAsync()
        do {
            # A blocking read would delay Ctrl-C until the next line.
            $line = $process.StandardOutput.ReadLineAsync()
            while (-not $line.Wait(100)) { }
            if ($null -ne $line.Result) { ConvertFrom-Json -InputObject $line.Result }
        } while ($null -ne $line.Result)
        $ended = $true
        $process.WaitForExit()
        $text = $messages.Result.Trim()
        if ($text) { Write-Verbose $text }
    } finally {
        # vmlogoff goes on by itself: it cancels, and ends with the result.
        if (-not $ended) { Write-VmLogoff -Process $process -Line @{ cancel = $true } }
        $process.Dispose()
    }
}

function Get-MachineName {
    # The names that identify the machines for vmlogoff: of objects of Get-VM it is the id, as
    # several machines can have one name.
    param([string[]] $VMName, [psobject[]] $VM)
    foreach ($name in $VMName) { $name }
    foreach ($machine in $VM) { $machine.Id.ToString() }
}

function Select-Machine {
    # The same, unless the user of $Cmdlet, the caller's $PSCmdlet, does not confirm the action.
    param([string[]] $VMName, [psobject[]] $VM, $Cmdlet, [string] $Action)
    $shown = $VMName
    if ($VM) { $shown = $VM | ForEach-Object { $_.Name } }
    if ($Cmdlet.ShouldProcess(($shown -join ', '), $Action)) { Get-MachineName -VMName $VMName -VM $VM }
}

function Test-MachineObject {
    param([psobject] $VM)
    $type = 'Microsoft.HyperV.PowerShell.VirtualMachine'
    if ($VM.PSObject.TypeNames -contains $type -or
        $VM.PSObject.TypeNames -contains "Deserialized.$type") { return $true }
    throw 'Pass an object of Get-VM, or a name with -VMName.'
}

function ConvertTo-Result {
    param($Result)
    [pscustomobject] @{
        PSTypeName = 'HvLogoff.Result'
        VMName     = $Result.machine
        VMId       = Get-PropertyValue $Result 'guid'
        Id         = Get-PropertyValue $Result 'id'
        Result     = $Result.name
        HResult    = [uint32] $Result.hresult
        Found      = Get-PropertyValue $Result 'found'
        Ended      = Get-PropertyValue $Result 'ended'
        Failed     = Get-PropertyValue $Result 'failed'
        Message    = $Result.text
        Sessions   = Get-PropertyValue $Result 'sessions'
    }
}

function Write-MachineProgress {
    param($Progress, [int] $Number)
    $status = $Progress.state
    if ($Progress.text) { $status = $Progress.text }
    Write-Progress -Id $Number -Activity "Logging off the users of $($Progress.machine)" `
        -Status $status -PercentComplete $Progress.percent
}

function Invoke-Request {
    # Runs a request, and emits the results that are not errors. $Cmdlet is the caller's $PSCmdlet.
    param([System.Collections.IDictionary] $Request, $Cmdlet, [string[]] $Harmless)
    $numbers = @{}
    if (-not (Test-Path -LiteralPath $script:VmLogoff -PathType Leaf)) {
        $Cmdlet.ThrowTerminatingError((New-LocalFailure "There is no $script:VmLogoff; install hv-logoff, or import HvLogoff with -ArgumentList PATH."))
    }
    $results = 0
    Read-VmLogoff -Request $Request | ForEach-Object {
        if ($_.event -eq 'progress') {
            if (-not $numbers.ContainsKey($_.machine)) { $numbers[$_.machine] = $numbers.Count + 1 }
            Write-MachineProgress $_ $numbers[$_.machine]
            return
        }
        $results++
        $machine = Get-PropertyValue $_ 'machine'
        if ($machine -and $numbers.ContainsKey($machine)) {
            Write-Progress -Id $numbers[$machine] -Activity "Logging off the users of $machine" -Completed
        }
        if ($_.name -eq 'S_OK' -or $Harmless -contains $_.name) {
            $_
        } else {
            $Cmdlet.WriteError((New-Failure $_))
        }
    }
    if (-not $results) {
        $Cmdlet.ThrowTerminatingError((New-LocalFailure 'vmlogoff has ended without a result.'))
    }
}

function Invoke-VMUserLogoff {
    <#
    .SYNOPSIS
    Logs off the users of Linux virtual machines.
    .DESCRIPTION
    Requests the guests to log off all their users, one user or one session, and waits for the
    results. Several machines are logged off at the same time. A machine where nobody was logged on
    is not an error. Ctrl-C and Stop-Job cancel the logoffs, unless sessions are being ended.
    .PARAMETER VMName
    Names or GUIDs of machines, or patterns with *, ? and [...].
    .PARAMETER VM
    Machines, as returned by Get-VM.
    .PARAMETER Message
    A text for the users.
    .PARAMETER GraceSeconds
    The time before the first session is ended, in which users can finish their work. Default: 0.
    .PARAMETER TimeoutSeconds
    The time for the whole request, including the grace. Default: 60.
    .PARAMETER User
    Only the sessions of this user, by the name or the uid in the guest.
    .PARAMETER Session
    Only the session with this id, as shown by Get-VMUserSession, of a single machine.
    .PARAMETER Kill
    Kill the users' processes without asking them to end first. Unsaved work is lost.
    .PARAMETER IncludeLingering
    Also end the programs of users who linger.
    .PARAMETER NoLogons
    Refuse logons, except of root, until the logoff ends.
    .PARAMETER ThrottleLimit
    At most so many machines at a time. Default: 32.
    .PARAMETER Force
    Do not ask for confirmation. This does not affect how sessions are ended: see Kill.
    .PARAMETER PassThru
    Return an object for each machine that did not fail.
    .EXAMPLE
    Invoke-VMUserLogoff -VMName vdi-07 -Message 'Maintenance in two minutes.' -GraceSeconds 120 -TimeoutSeconds 180

    Gives the users two minutes, and one more for the end of their sessions.
    .EXAMPLE
    Get-VM vdi-* | Invoke-VMUserLogoff -Force -PassThru

    Logs off all users of several machines without asking. Scripts without a console need -Force.
    #>
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('HvLogoff.Result')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Name', ValueFromPipeline = $true)]
        [ValidateNotNullOrEmpty()]
        [string[]] $VMName,
        [Parameter(Mandatory = $true, ParameterSetName = 'VM', ValueFromPipeline = $true)]
        [ValidateScript({ Test-MachineObject $_ })]
        [psobject[]] $VM,
        [string] $Message,
        [ValidateRange(0, 86399)]
        [int] $GraceSeconds = 0,
        [ValidateRange(1, 86400)]
        [int] $TimeoutSeconds = 60,
        [ValidateNotNullOrEmpty()]
        [string] $User,
        [ValidateNotNullOrEmpty()]
        [string] $Session,
        [switch] $Kill,
        [switch] $IncludeLingering,
        [switch] $NoLogons,
        [ValidateRange(1, 256)]
        [int] $ThrottleLimit = 32,
        [switch] $Force,
        [switch] $PassThru
    )
    begin {
        $machines = New-Object System.Collections.Generic.List[string]
        if ($Force -and -not $PSBoundParameters.ContainsKey('Confirm')) { $ConfirmPreference = 'None' }
        $action = 'Log off all users'
        if ($User) { $action = "Log off $User" }
        if ($Session) { $action = "End session $Session" }
    }
    process {
        foreach ($name in (Select-Machine $VMName $VM $PSCmdlet $action)) { $machines.Add($name) }
    }
    end {
        if (-not $machines.Count) { return }
        $request = @{
            machines          = $machines.ToArray()
            timeout           = $TimeoutSeconds
            grace             = $GraceSeconds
            force             = [bool] $Kill
            include_lingering = [bool] $IncludeLingering
            no_logins         = [bool] $NoLogons
            parallel          = $ThrottleLimit
            cancel_at_end     = $true
        }
        if ($Message) { $request.message = $Message }
        if ($User) { $request.user = $User }
        if ($Session) { $request.session = $Session }
        Invoke-Request $request $PSCmdlet $script:Nobody | ForEach-Object {
            if ($PassThru) { ConvertTo-Result $_ }
        }
    }
}

function Get-VMUserSession {
    <#
    .SYNOPSIS
    Lists the sessions of users in Linux virtual machines that a logoff would end.
    .DESCRIPTION
    Nobody is notified or logged off. A guest without sessions returns nothing.
    .PARAMETER VMName
    Names or GUIDs of machines, or patterns with *, ? and [...].
    .PARAMETER VM
    Machines, as returned by Get-VM.
    .PARAMETER User
    Only the sessions of this user, by the name or the uid in the guest.
    .EXAMPLE
    Get-VMUserSession -VMName vdi-07

    Lists the sessions of one machine.
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('HvLogoff.Session')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Name', ValueFromPipeline = $true)]
        [ValidateNotNullOrEmpty()]
        [string[]] $VMName,
        [Parameter(Mandatory = $true, ParameterSetName = 'VM', ValueFromPipeline = $true)]
        [ValidateScript({ Test-MachineObject $_ })]
        [psobject[]] $VM,
        [ValidateNotNullOrEmpty()]
        [string] $User
    )
    begin {
        $machines = New-Object System.Collections.Generic.List[string]
    }
    process {
        foreach ($name in (Get-MachineName -VMName $VMName -VM $VM)) { $machines.Add($name) }
    }
    end {
        $request = @{ machines = $machines.ToArray(); dry_run = $true; cancel_at_end = $true }
        if ($User) { $request.user = $User }
        Invoke-Request $request $PSCmdlet $script:Nobody | ForEach-Object {
            $result = $_
            $found = Get-PropertyValue $result 'found'
            $sessions = @(Get-PropertyValue $result 'sessions' | Where-Object { $_ -and $_.outcome -eq 'selected' })
            if ($found -and -not $sessions.Count) {
                Write-Warning "$($result.machine) reports no single sessions: $($result.text)"
            }
            foreach ($session in $sessions) {
                [pscustomobject] @{
                    PSTypeName = 'HvLogoff.Session'
                    VMName     = $result.machine
                    VMId       = Get-PropertyValue $result 'guid'
                    User       = $session.user
                    Uid        = $session.uid
                    Session    = $session.session
                }
            }
        }
    }
}

function Stop-VMUserLogoff {
    <#
    .SYNOPSIS
    Cancels the logoff in progress in Linux virtual machines.
    .DESCRIPTION
    Cancels the logoff that any program has requested, as long as no session is being ended.
    .PARAMETER VMName
    Names or GUIDs of machines, or patterns with *, ? and [...].
    .PARAMETER VM
    Machines, as returned by Get-VM.
    .PARAMETER Id
    Only the logoff with this id, which is in the guest's journal and in the results of Invoke-VMUserLogoff.
    .PARAMETER PassThru
    Return an object for each machine whose logoff was cancelled.
    .EXAMPLE
    Stop-VMUserLogoff -VMName vdi-07

    Cancels the logoff of one machine.
    #>
    [CmdletBinding(SupportsShouldProcess = $true, DefaultParameterSetName = 'Name')]
    [OutputType('HvLogoff.Result')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Name', ValueFromPipeline = $true)]
        [ValidateNotNullOrEmpty()]
        [string[]] $VMName,
        [Parameter(Mandatory = $true, ParameterSetName = 'VM', ValueFromPipeline = $true)]
        [ValidateScript({ Test-MachineObject $_ })]
        [psobject[]] $VM,
        [ValidateNotNullOrEmpty()]
        [string] $Id,
        [switch] $PassThru
    )
    begin {
        $machines = New-Object System.Collections.Generic.List[string]
    }
    process {
        foreach ($name in (Select-Machine $VMName $VM $PSCmdlet 'Cancel the logoff')) { $machines.Add($name) }
    }
    end {
        if (-not $machines.Count) { return }
        $request = @{ machines = $machines.ToArray(); cancel = $true }
        if ($Id) { $request.cancel = $Id }
        Invoke-Request $request $PSCmdlet | ForEach-Object {
            if ($PassThru) { ConvertTo-Result $_ }
        }
    }
}

Export-ModuleMember -Function Get-VMUserSession, Invoke-VMUserLogoff, Stop-VMUserLogoff
