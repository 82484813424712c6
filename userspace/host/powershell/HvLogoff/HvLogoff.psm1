# SPDX-License-Identifier: GPL-2.0-or-later
# Functions over vmlogoff. Everything that a caller passes goes to its standard input as JSON, and
# never becomes part of a command line: with JEA, these functions run with more rights than the
# caller has, and a password on a command line can be read by other users.

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

# Of the exit statuses in vmlogoff(1).
$script:HighestStatus = 64

function Get-PropertyValue {
    # The property of an object of JSON, or $null.
    param($InputObject, [string] $Name)
    $property = $InputObject.PSObject.Properties[$Name]
    if ($property) { $property.Value }
}

function New-Failure {
    # The ErrorRecord of a result.
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param($Result)
    $categories = @{
        E_INVALIDARG                     = 'InvalidArgument'
        E_NOTIMPL                        = 'NotImplemented'
        ERROR_ACCESS_DENIED              = 'PermissionDenied'
        ERROR_BUSY                       = 'ResourceBusy'
        ERROR_CANCELLED                  = 'OperationStopped'
        ERROR_ELEVATION_REQUIRED         = 'PermissionDenied'
        ERROR_NOT_FOUND                  = 'ObjectNotFound'
        ERROR_NO_SUCH_LOGON_SESSION      = 'ObjectNotFound'
        ERROR_SERVICE_DISABLED           = 'NotEnabled'
        ERROR_SERVICE_NOT_ACTIVE         = 'NotEnabled'
        ERROR_TIMEOUT                    = 'OperationTimeout'
        RPC_E_DISCONNECTED               = 'ConnectionError'
        RPC_S_SERVER_UNAVAILABLE         = 'ConnectionError'
        TYPE_E_AMBIGUOUSNAME             = 'InvalidArgument'
        VM_E_ADDITIONS_FEATURE_NOT_AVAIL = 'NotInstalled'
        VM_E_TIMED_OUT                   = 'OperationTimeout'
        VM_E_VM_NOT_RUNNING              = 'ResourceUnavailable'
        VM_E_VM_UNKNOWN                  = 'ObjectNotFound'
        WBEM_E_ACCESS_DENIED             = 'PermissionDenied'
        WBEM_E_INVALID_NAMESPACE         = 'NotInstalled'
        WSAECONNREFUSED                  = 'ConnectionError'
        WSAETIMEDOUT                     = 'ConnectionError'
        WSAHOST_NOT_FOUND                = 'ConnectionError'
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
    # The ErrorRecord of a failure without a result.
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param([string] $Text)
    $exception = New-Object System.InvalidOperationException $Text
    New-Object System.Management.Automation.ErrorRecord $exception, 'VmLogoffFailed', 'NotSpecified', $script:VmLogoff
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
    } finally {
        [System.Array]::Clear($bytes, 0, $bytes.Length)
    }
}

function Start-VmLogoff {
    # Starts vmlogoff, and writes the request to its standard input, which remains open.
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param([System.Collections.IDictionary] $Request, [pscredential] $Credential)
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
    $line = @{}
    foreach ($key in $Request.Keys) { $line[$key] = $Request[$key] }
    if ($Credential) {
        $line.user_name = $Credential.UserName
        $line.password = $Credential.GetNetworkCredential().Password
    }
    $process = [System.Diagnostics.Process]::Start($info)
    Write-VmLogoff -Process $process -Line $line
    $computer = [System.Environment]::MachineName
    if ($Request.Contains('host')) { $computer = $Request.host }
    [pscustomobject] @{
        Process  = $process
        Computer = $computer
        Line     = $process.StandardOutput.ReadLineAsync()
        Messages = $process.StandardError.ReadToEndAsync()
    }
}

function Read-VmLogoff {
    # Runs a vmlogoff for each request at the same time, and emits an object for each line of their
    # outputs. If the pipeline is stopped, or an error ends it, the logoffs are cancelled.
    param([System.Collections.IDictionary[]] $Request, [pscredential] $Credential, $Cmdlet)
    $running = New-Object System.Collections.Generic.List[object]
    try {
        foreach ($each in $Request) { $running.Add((Start-VmLogoff -Request $each -Credential $Credential)) }
        while ($running.Count) {
            # A blocking read would delay Ctrl-C until the next line.
            $lines = [System.Threading.Tasks.Task[]] @($running | ForEach-Object { $_.Line })
            $number = [System.Threading.Tasks.Task]::WaitAny($lines, 100)
            if ($number -lt 0) { continue }
            $one = $running[$number]
            if ($null -ne $one.Line.Result) {
                $object = ConvertFrom-Json -InputObject $one.Line.Result
                $object | Add-Member -MemberType NoteProperty -Name computer -Value $one.Computer
                $one.Line = $one.Process.StandardOutput.ReadLineAsync()
                $via = Get-PropertyValue $object 'via'
                if ($via -and $object.event -eq 'result') { Write-Verbose "$($object.machine): by $via" }
                $object
                continue
            }
            $running.RemoveAt($number)
            $one.Process.WaitForExit()
            $status = $one.Process.ExitCode
            $one.Process.Dispose()
            $text = $one.Messages.Result.Trim()
            if ($text) { Write-Verbose $text }
            # It has crashed, or could not be run.
            if ($status -lt 0 -or $status -gt $script:HighestStatus) {
                $Cmdlet.WriteError((New-LocalFailure "vmlogoff for $($one.Computer) has ended with status ${status}: $text"))
            }
        }
    } finally {
        # vmlogoff goes on by itself: it cancels, and ends with the result.
        foreach ($one in $running) {
            Write-VmLogoff -Process $one.Process -Line @{ cancel = $true }
            $one.Process.Dispose()
        }
    }
}

function Get-HostName {
    # '' for this computer.
    param([string] $ComputerName)
    $here = '', '.', 'localhost', [System.Environment]::MachineName
    if ($here -contains $ComputerName) { '' } else { $ComputerName }
}

function New-Target {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param([string] $ComputerName, [string] $Machine, [string] $Name)
    $shown = $Name
    $hostName = Get-HostName $ComputerName
    if ($hostName) { $shown = "$Name on $hostName" }
    [pscustomobject] @{ HostName = $hostName; Machine = $Machine; Shown = $shown }
}

function Get-Target {
    # The machines as vmlogoff knows them. An object of Get-VM, which another session may have
    # deserialized, is on the host that it came from, and known by its id: several machines can have
    # one name.
    param([string[]] $VMName, [psobject[]] $VM, [string[]] $ComputerName)
    if (-not $ComputerName) { $ComputerName = '.' }
    foreach ($computer in $ComputerName) {
        foreach ($name in $VMName) { New-Target $computer $name $name }
    }
    foreach ($machine in $VM) {
        $computer = Get-PropertyValue $machine 'ComputerName'
        if (-not $computer) { $computer = Get-PropertyValue $machine 'PSComputerName' }
        New-Target $computer ([guid] $machine.Id).ToString() $machine.Name
    }
}

function Select-Target {
    # The same, unless the user of $Cmdlet, the caller's $PSCmdlet, does not confirm the action.
    param([string[]] $VMName, [psobject[]] $VM, [string[]] $ComputerName, $Cmdlet, [string] $Action)
    $targets = @(Get-Target $VMName $VM $ComputerName)
    if ($Cmdlet.ShouldProcess(($targets.Shown -join ', '), $Action)) { $targets }
}

function New-Request {
    # A request for each host, with the options.
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param([object[]] $Target, [System.Collections.IDictionary] $Option)
    foreach ($group in ($Target | Group-Object -Property HostName)) {
        $request = @{ machines = [string[]] $group.Group.Machine; cancel_at_end = $true }
        foreach ($key in $Option.Keys) { $request[$key] = $Option[$key] }
        if ($group.Name) { $request.host = $group.Name }
        $request
    }
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
        PSTypeName   = 'HvLogoff.Result'
        VMName       = $Result.machine
        VMId         = Get-PropertyValue $Result 'guid'
        ComputerName = $Result.computer
        Id           = Get-PropertyValue $Result 'id'
        Result       = $Result.name
        HResult      = [uint32] $Result.hresult
        Found        = Get-PropertyValue $Result 'found'
        Ended        = Get-PropertyValue $Result 'ended'
        Failed       = Get-PropertyValue $Result 'failed'
        Message      = $Result.text
        Sessions     = Get-PropertyValue $Result 'sessions'
    }
}

function Write-MachineProgress {
    param($Progress, [int] $Number)
    $status = $Progress.state
    if ($Progress.text) { $status = $Progress.text }
    Write-Progress -Id $Number -Activity "Logging off the users of $($Progress.machine)" `
        -Status $status -PercentComplete $Progress.percent
}

function Test-Request {
    # Ends $Cmdlet, the caller's $PSCmdlet, if the requests cannot be run.
    param([System.Collections.IDictionary[]] $Request, [pscredential] $Credential, $Cmdlet)
    $objection = ''
    if (-not (Test-Path -LiteralPath $script:VmLogoff -PathType Leaf)) {
        $objection = "There is no $script:VmLogoff; install hv-logoff, or import HvLogoff with -ArgumentList PATH."
    } elseif ($Credential -and @($Request | Where-Object { -not $_.Contains('host') })) {
        $objection = 'A credential cannot be used for this computer; name another one with -ComputerName.'
    }
    if ($objection) { $Cmdlet.ThrowTerminatingError((New-LocalFailure $objection)) }
}

function Invoke-Request {
    # Runs requests, and emits the results that are not errors, and events of sessions.
    param(
        [System.Collections.IDictionary[]] $Request,
        [pscredential] $Credential,
        $Cmdlet,
        [string[]] $Harmless
    )
    Test-Request $Request $Credential $Cmdlet
    $numbers = @{}
    Read-VmLogoff -Request $Request -Credential $Credential -Cmdlet $Cmdlet | ForEach-Object {
        $machine = Get-PropertyValue $_ 'machine'
        $place = "$machine on $($_.computer)"
        if ($_.event -eq 'progress') {
            if (-not $numbers.ContainsKey($place)) { $numbers[$place] = $numbers.Count + 1 }
            Write-MachineProgress $_ $numbers[$place]
            return
        }
        if ($numbers.ContainsKey($place)) {
            Write-Progress -Id $numbers[$place] -Activity "Logging off the users of $machine" -Completed
        }
        $name = Get-PropertyValue $_ 'name'
        if (-not $name -or $name -eq 'S_OK' -or $Harmless -contains $name) {
            $_
        } else {
            $Cmdlet.WriteError((New-Failure $_))
        }
    }
}

function Invoke-Logoff {
    param([System.Collections.IDictionary[]] $Request, [pscredential] $Credential, $Cmdlet, [bool] $PassThru)
    Invoke-Request $Request $Credential $Cmdlet $script:Nobody | ForEach-Object {
        if ($PassThru) { ConvertTo-Result $_ }
    }
}

# Invoke-Logoff in a process of its own, which Stop-Job and the end of this session stop.
$script:LogoffJob = {
    [CmdletBinding()]
    param([string] $Module, [string] $VmLogoff, $Request, [pscredential] $Credential, [bool] $PassThru)
    $loaded = Import-Module $Module -ArgumentList $VmLogoff -PassThru
    & $loaded { Invoke-Logoff @args } $Request $Credential $PSCmdlet $PassThru
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
    Machines, as returned by Get-VM, also of other hosts and from other sessions.
    .PARAMETER ComputerName
    Hyper-V hosts, if the machines are not on this computer. The machines of Get-VM know theirs.
    .PARAMETER Credential
    The account on these hosts, if it is not yours. Its password is not on a command line.
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
    .PARAMETER AsJob
    Return a job at once, after the question. Stop-Job cancels the logoffs.
    .PARAMETER PassThru
    Return an object for each machine that did not fail.
    .EXAMPLE
    Invoke-VMUserLogoff -VMName vdi-07 -Message 'Maintenance in two minutes.' -GraceSeconds 120 -TimeoutSeconds 180

    Gives the users two minutes, and one more for the end of their sessions.
    .EXAMPLE
    Get-VM vdi-* | Invoke-VMUserLogoff -Force -PassThru

    Logs off all users of several machines without asking. Scripts without a console need -Force.
    .EXAMPLE
    Get-VM vdi-* -ComputerName hv01, hv02 | Invoke-VMUserLogoff -GraceSeconds 120 -TimeoutSeconds 180 -Force -AsJob

    Logs off the users of machines of two hosts at the same time, in a job.
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
        [Parameter(ParameterSetName = 'Name')]
        [ValidateNotNullOrEmpty()]
        [string[]] $ComputerName,
        [System.Management.Automation.Credential()]
        [pscredential] $Credential,
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
        [switch] $AsJob,
        [switch] $PassThru
    )
    begin {
        $targets = New-Object System.Collections.Generic.List[object]
        if ($Force -and -not $PSBoundParameters.ContainsKey('Confirm')) { $ConfirmPreference = 'None' }
        $action = 'Log off all users'
        if ($User) { $action = "Log off $User" }
        if ($Session) { $action = "End session $Session" }
    }
    process {
        foreach ($target in (Select-Target $VMName $VM $ComputerName $PSCmdlet $action)) { $targets.Add($target) }
    }
    end {
        if (-not $targets.Count) { return }
        $options = @{
            timeout           = $TimeoutSeconds
            grace             = $GraceSeconds
            force             = [bool] $Kill
            include_lingering = [bool] $IncludeLingering
            no_logins         = [bool] $NoLogons
            parallel          = $ThrottleLimit
        }
        if ($Message) { $options.message = $Message }
        if ($User) { $options.user = $User }
        if ($Session) { $options.session = $Session }
        $requests = @(New-Request $targets $options)
        if ($AsJob) {
            Test-Request $requests $Credential $PSCmdlet
            $module = Join-Path $PSScriptRoot 'HvLogoff.psd1'
            Start-Job -ScriptBlock $script:LogoffJob `
                -ArgumentList $module, $script:VmLogoff, $requests, $Credential, ([bool] $PassThru)
        } else {
            Invoke-Logoff $requests $Credential $PSCmdlet $PassThru
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
    Machines, as returned by Get-VM, also of other hosts and from other sessions.
    .PARAMETER ComputerName
    Hyper-V hosts, if the machines are not on this computer. The machines of Get-VM know theirs.
    .PARAMETER Credential
    The account on these hosts, if it is not yours. Its password is not on a command line.
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
        [Parameter(ParameterSetName = 'Name')]
        [ValidateNotNullOrEmpty()]
        [string[]] $ComputerName,
        [System.Management.Automation.Credential()]
        [pscredential] $Credential,
        [ValidateNotNullOrEmpty()]
        [string] $User
    )
    begin {
        $targets = New-Object System.Collections.Generic.List[object]
    }
    process {
        foreach ($target in (Get-Target $VMName $VM $ComputerName)) { $targets.Add($target) }
    }
    end {
        $options = @{ dry_run = $true }
        if ($User) { $options.user = $User }
        $requests = @(New-Request $targets $options)
        Invoke-Request $requests $Credential $PSCmdlet $script:Nobody | ForEach-Object {
            $result = $_
            $found = Get-PropertyValue $result 'found'
            $sessions = @(Get-PropertyValue $result 'sessions' | Where-Object { $_ -and $_.outcome -eq 'selected' })
            if ($found -and -not $sessions.Count) {
                Write-Warning "$($result.machine) reports no single sessions: $($result.text)"
            }
            foreach ($session in $sessions) {
                [pscustomobject] @{
                    PSTypeName   = 'HvLogoff.Session'
                    VMName       = $result.machine
                    VMId         = Get-PropertyValue $result 'guid'
                    ComputerName = $result.computer
                    User         = $session.user
                    Uid          = $session.uid
                    Session      = $session.session
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
    Machines, as returned by Get-VM, also of other hosts and from other sessions.
    .PARAMETER ComputerName
    Hyper-V hosts, if the machines are not on this computer. The machines of Get-VM know theirs.
    .PARAMETER Credential
    The account on these hosts, if it is not yours. Its password is not on a command line.
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
        [Parameter(ParameterSetName = 'Name')]
        [ValidateNotNullOrEmpty()]
        [string[]] $ComputerName,
        [System.Management.Automation.Credential()]
        [pscredential] $Credential,
        [ValidateNotNullOrEmpty()]
        [string] $Id,
        [switch] $PassThru
    )
    begin {
        $targets = New-Object System.Collections.Generic.List[object]
    }
    process {
        foreach ($target in (Select-Target $VMName $VM $ComputerName $PSCmdlet 'Cancel the logoff')) { $targets.Add($target) }
    }
    end {
        if (-not $targets.Count) { return }
        $options = @{ cancel = $true }
        if ($Id) { $options.cancel = $Id }
        $requests = @(New-Request $targets $options)
        Invoke-Request $requests $Credential $PSCmdlet | ForEach-Object {
            if ($PassThru) { ConvertTo-Result $_ }
        }
    }
}

function Watch-VMUserLogoff {
    <#
    .SYNOPSIS
    Reports the user sessions that end in Linux virtual machines.
    .DESCRIPTION
    Returns an object for each session that ends, whoever ended it, until Ctrl-C or Stop-Job. This
    needs hv-logoff 1.2 in the guest, and runs on the host of the machine: events come by a Hyper-V
    socket, which does not reach other computers. For their machines, an error says so.
    .PARAMETER VMName
    Names or GUIDs of machines.
    .PARAMETER VM
    Machines, as returned by Get-VM, also of other hosts and from other sessions.
    .PARAMETER ComputerName
    Hyper-V hosts, if the machines are not on this computer. The machines of Get-VM know theirs.
    .PARAMETER Credential
    The account on these hosts, if it is not yours. Its password is not on a command line.
    .EXAMPLE
    Watch-VMUserLogoff -VMName vdi-07

    Shows the sessions of one machine as they end.
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('HvLogoff.Event')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Name', ValueFromPipeline = $true)]
        [ValidateNotNullOrEmpty()]
        [string[]] $VMName,
        [Parameter(Mandatory = $true, ParameterSetName = 'VM', ValueFromPipeline = $true)]
        [ValidateScript({ Test-MachineObject $_ })]
        [psobject[]] $VM,
        [Parameter(ParameterSetName = 'Name')]
        [ValidateNotNullOrEmpty()]
        [string[]] $ComputerName,
        [System.Management.Automation.Credential()]
        [pscredential] $Credential
    )
    begin {
        $targets = New-Object System.Collections.Generic.List[object]
    }
    process {
        foreach ($target in (Get-Target $VMName $VM $ComputerName)) { $targets.Add($target) }
    }
    end {
        # vmlogoff watches one machine.
        $requests = @($targets | ForEach-Object { New-Request $_ @{ watch = $true } })
        Invoke-Request $requests $Credential $PSCmdlet | ForEach-Object {
            if ($_.event -eq 'reporting' -and -not $_.reports) {
                Write-Warning "$($_.machine) does not report sessions; check that it runs hv-logoffd 1.1 or newer."
            }
            if ($_.event -ne 'logoff') { return }
            if ($_.lost) { Write-Warning "$($_.machine): $($_.lost) events before this one were lost." }
            [pscustomobject] @{
                PSTypeName   = 'HvLogoff.Event'
                VMName       = $_.machine
                VMId         = Get-PropertyValue $_ 'guid'
                ComputerName = $_.computer
                Time         = ([datetime] $_.time).ToLocalTime()
                User         = $_.user
                Uid          = $_.uid
                Session      = $_.session
                Type         = $_.type
                Id           = Get-PropertyValue $_ 'id'
            }
        }
    }
}

Export-ModuleMember -Function Get-VMUserSession, Invoke-VMUserLogoff, Stop-VMUserLogoff, Watch-VMUserLogoff
