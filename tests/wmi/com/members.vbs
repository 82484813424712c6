' SPDX-License-Identifier: GPL-2.0-or-later
' What scripts do with the objects of vmguestos.dll, with the machines of the stand-in.
Option Explicit

Dim vpc, vm, guest, task, names, states, session, sessions, steps, endings

Class Progress
	Public Default Sub Changed(task)
		steps = steps & " " & task.State
	End Sub
End Class

Class Completion
	Public Default Sub Ended(task)
		endings = endings & " " & Hex(task.Error)
	End Sub
End Class

Sub Expect(what, found, expected)
	If found <> expected Then
		WScript.Echo what & " is """ & found & """ and not """ & expected & """"
		WScript.Quit 1
	End If
End Sub

Sub ExpectError(what, number)
	If Err.Number <> number Then
		WScript.Echo what & " fails with " & Hex(Err.Number) & " " & Err.Description
		WScript.Quit 1
	End If
	Expect what & ": source", Err.Source, "HvLogoff.Application"
	If Len(Err.Description) < 20 Then
		WScript.Echo what & " has no description: " & Err.Description
		WScript.Quit 1
	End If
	Err.Clear
End Sub

Set vpc = CreateObject("HvLogoff.Application")
Expect "Name", vpc.Name, "hv-logoff"
For Each vm In vpc.VirtualMachines
	names = names & " " & vm
	states = states & " " & vm.State
Next
Expect "the names", names, " db1 old1 twin twin web1"
Expect "the states", states, " 1 5 5 5 5"
Expect "Count", vpc.VirtualMachines.Count, 5
Expect "Item", vpc.VirtualMachines(5).Name, "web1"
Set vm = vpc.FindVirtualMachine(vpc.VirtualMachines.Item(5).ConfigID)
Expect "by ConfigID", vm.Name, "web1"
Set guest = vm.GuestOS
Expect "CanLogoff", guest.CanLogoff, True
Expect "CanLogoff of db1", vpc.FindVirtualMachine("DB1").GuestOS.CanLogoff, False

Set task = guest.LogoffWithOptions(0, 120, 10, "Maintenance at 18:00")
Set task.OnProgress = New Progress
Set task.OnComplete = New Completion
Expect "Result before its end", task.Description, "Logging off the users of web1"
task.WaitForCompletion 60000
Expect "IsComplete", task.IsComplete, True
Expect "IsCancelable", task.IsCancelable, False
Expect "StatusText", task.StatusText, "All."
Expect "the last step", Right(steps, 2), " 4"
Expect "calls of OnComplete", endings, " 0"
Expect "Sessions", task.SessionsFound & task.SessionsEnded & task.SessionsFailed, "220"
For Each session In task.Sessions
	sessions = sessions & " " & session.ID & "/" & session & "/" & session.UID & "/" & session.Outcome
Next
Expect "the session c1", Right(sessions, 19), " c1/jane doe/1001/1"
Expect "RequestID", Len(task.RequestID), 16
Expect "ID", guest.Logoff().ID > task.ID, True

On Error Resume Next
vpc.FindVirtualMachine "twin"
ExpectError "twin", &H8002802C
vpc.FindVirtualMachine("db1").GuestOS.Logoff
ExpectError "db1", &HA0040206
task.WaitForCompletion 4000001
ExpectError "WaitForCompletion", &H80070057
task.Cancel
ExpectError "Cancel", &H80004005
guest.LogoffWithOptions 0, 60, 0, "", ""
ExpectError "an empty user", &H80070057
names = guest.HeartbeatPercentage
ExpectError "HeartbeatPercentage", &H80004001
names = vpc.VirtualMachines(6).Name
ExpectError "Item", &H8002000B
WScript.Echo "complete"
WScript.Quit 0
