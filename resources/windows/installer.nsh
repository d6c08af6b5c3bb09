; What the installer does besides copying files: the service, and its removal. Fixed words and paths below $INSTDIR only.

; What the template leaves out when its own question is replaced by the macro below.
!include "getProcessInfo.nsh"
Var pid

!macro customCheckAppRunning
  ; Asked when the person has agreed, before files are replaced: those of a running service can't be. This waits for its end.
  nsExec::Exec '"$SYSDIR\net.exe" stop rhumbd'
  Pop $0
  !insertmacro IS_POWERSHELL_AVAILABLE
  !insertmacro _CHECK_APP_RUNNING
!macroend

!macro customInstall
  nsExec::ExecToLog '"$SYSDIR\sc.exe" query rhumbd'
  Pop $0
  ${If} $0 == 1060
    nsExec::ExecToLog '"$SYSDIR\sc.exe" create rhumbd binPath= "\"$INSTDIR\resources\daemon\rhumbd.exe\"" start= delayed-auto depend= iphlpsvc/netprofm/WinHttpAutoProxySvc DisplayName= "Rhumb"'
    Pop $0
  ${Else}
    nsExec::ExecToLog '"$SYSDIR\sc.exe" config rhumbd binPath= "\"$INSTDIR\resources\daemon\rhumbd.exe\""'
    Pop $0
  ${EndIf}
  nsExec::ExecToLog '"$SYSDIR\sc.exe" failure rhumbd reset= 86400 actions= restart/1000/restart/5000/restart/30000'
  Pop $0
  nsExec::ExecToLog '"$SYSDIR\sc.exe" sidtype rhumbd unrestricted'
  Pop $0
  nsExec::ExecToLog '"$SYSDIR\sc.exe" start rhumbd'
  Pop $0
!macroend

!macro customUnInstall
  ; An update runs the old uninstaller first: then the service stays, and the new version starts it.
  ${IfNot} ${isUpdated}
    nsExec::ExecToLog '"$SYSDIR\net.exe" stop rhumbd'
    Pop $0
    nsExec::ExecToLog '"$SYSDIR\sc.exe" delete rhumbd'
    Pop $0
  ${EndIf}
!macroend
