' SPDX-License-Identifier: GPL-2.0-or-later
' Logs off the users of a machine, as the documentation of Virtual PC describes its interfaces. Only
' the ProgID is another one: it was VirtualPC.Application.
Option Explicit

Const vmVMState_Running = 5
Const vmTaskResult_Success = 0

Dim vpc, vm, guest, task

Set vpc = CreateObject("HvLogoff.Application")
Set vm = vpc.FindVirtualMachine(WScript.Arguments(0))
If vm Is Nothing Then
	WScript.Echo "There is no such machine."
	WScript.Quit 2
End If
If vm.State <> vmVMState_Running Then
	WScript.Echo vm.Name & " does not run."
	WScript.Quit 3
End If
Set guest = vm.GuestOS
If Not guest.IsUserLoggedOn(1) Then
	WScript.Echo "Nobody is logged on."
	WScript.Quit 4
End If
Set task = guest.Logoff()
WScript.Echo task.Description
task.WaitForCompletion -1
WScript.Echo task.PercentCompleted & "% complete: " & task.IsComplete
WScript.Echo "Error " & Hex(task.Error) & " " & task.ErrorDescription
If task.Result <> vmTaskResult_Success Then WScript.Quit 5
WScript.Quit 0
