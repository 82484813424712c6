' SPDX-License-Identifier: GPL-2.0-or-later
' Hyper-V's classes by WMI's scripting library, which in Wine is others' code: machines, and their
' shutdown. Wine's scripts cannot use the arrays of texts that key-value pairs are. The argument says
' whether the host has InitiateReboot.
Option Explicit

Const Running = 2, Off = 3

Dim services, machine, path, component, service, number

Sub Expect(what, found, expected)
	If found <> expected Then
		WScript.Echo what & " is """ & found & """ and not """ & expected & """"
		WScript.Quit 1
	End If
End Sub

' The first object that a query finds, or Nothing.
Function First(query)
	Dim found

	Set First = Nothing
	For Each found In services.ExecQuery(query)
		Set First = found
		Exit Function
	Next
End Function

Function Associated(name)
	Set Associated = First("ASSOCIATORS OF {" & path & "} WHERE ResultClass = " & name)
End Function

' ReturnValue of a method of Msvm_ShutdownComponent, or -1 if the class does not have it.
Function Shutdown(method)
	Dim parameters

	Set component = Associated("Msvm_ShutdownComponent")
	Set parameters = Nothing
	Shutdown = -1
	On Error Resume Next
	Set parameters = component.Methods_(method).InParameters
	On Error GoTo 0
	If parameters Is Nothing Then Exit Function
	parameters.Force = False
	parameters.Reason = "test"
	Shutdown = component.ExecMethod_(method, parameters).ReturnValue
End Function

Set services = GetObject("winmgmts:\\.\root\virtualization\v2")
number = 0
For Each service In services.InstancesOf("Msvm_VirtualSystemManagementService")
	number = number + 1
Next
Expect "the number of services", number, 1
Expect "the state of db1", First("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'db1'").EnabledState, Off
Expect "an unknown name", First("select * from Msvm_ComputerSystem where ElementName='x'") Is Nothing, True
Set machine = First("SELECT * FROM Msvm_VirtualSystemSettingData WHERE ElementName='web1' AND " & _
	"VirtualSystemType='Microsoft:Hyper-V:System:Realized'")
path = "Msvm_VirtualSystemSettingData.InstanceID=""" & machine.InstanceID & """"
Set machine = Associated("Msvm_ComputerSystem")
Expect "the state of web1", machine.EnabledState, Running
path = "Msvm_ComputerSystem.Name=""" & machine.Name & """"

Expect "the heartbeat", Associated("Msvm_HeartbeatComponent") Is Nothing, False
Expect "InitiateReboot", Shutdown("InitiateReboot") = 0, CBool(WScript.Arguments(0) = "reboots")
Expect "InitiateShutdown", Shutdown("InitiateShutdown"), 0
Expect "the state afterwards", First("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'web1'").EnabledState, Off
Expect "the heartbeat then", Associated("Msvm_HeartbeatComponent") Is Nothing, True
WScript.Echo "complete"
WScript.Quit 0
