# SPDX-License-Identifier: GPL-2.0-or-later
@{
    RootModule        = 'HvLogoff.psm1'
    ModuleVersion     = '1.2.0'
    GUID              = '5b1f6a0e-3c57-4d1c-9d0a-0f5f0c6f2c41'
    Author            = 'The hv-logoff authors'
    Copyright         = 'GPL-2.0-or-later'
    Description       = 'Logs off the users of Linux virtual machines from their host.'
    PowerShellVersion = '5.1'
    CompatiblePSEditions = @('Desktop', 'Core')
    FunctionsToExport = @('Get-VMUserSession', 'Invoke-VMUserLogoff', 'Stop-VMUserLogoff', 'Watch-VMUserLogoff')
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
    FormatsToProcess  = @('HvLogoff.format.ps1xml')
    PrivateData       = @{
        PSData = @{
            Tags = @('Hyper-V', 'Linux', 'VirtualMachine', 'Logoff', 'Session')
        }
    }
}
