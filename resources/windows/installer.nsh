; What the installer does besides copying files: the service, and its removal. Fixed words and paths below $INSTDIR only.

!macro customInit
  ; Files of a running service can't be replaced; stopping waits until it has ended, or for half a minute.
  nsExec::Exec '"$SYSDIR\sc.exe" stop rhumbd'
  Pop $0
  ${If} $0 == 0
    Sleep 3000
  ${EndIf}
!macroend

!macro customInstall
  nsExec::ExecToLog '"$SYSDIR\sc.exe" query rhumbd'
  Pop $0
  ${If} $0 == 1060
    nsExec::ExecToLog '"$SYSDIR\sc.exe" create rhumbd binPath= "\"$INSTDIR\resources\daemon\rhumbd.exe\"" start= delayed-auto depend= iphlpsvc/netprofm/WinHttpAutoProxySvc DisplayName= "Rhumb"'
    Pop $0
    nsExec::ExecToLog '"$SYSDIR\sc.exe" failure rhumbd reset= 86400 actions= restart/1000/restart/5000/restart/30000'
    Pop $0
    nsExec::ExecToLog '"$SYSDIR\sc.exe" sidtype rhumbd unrestricted'
    Pop $0
  ${EndIf}
  nsExec::ExecToLog '"$SYSDIR\sc.exe" start rhumbd'
  Pop $0
!macroend

!macro customUnInstall
  ; An update runs the old uninstaller first: then the service stays, and the new version starts it.
  ${IfNot} ${isUpdated}
    nsExec::ExecToLog '"$SYSDIR\sc.exe" stop rhumbd'
    Pop $0
    nsExec::ExecToLog '"$SYSDIR\sc.exe" delete rhumbd'
    Pop $0
  ${EndIf}
!macroend
