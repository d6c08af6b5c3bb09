#!/bin/sh
# After the desktop program is unpacked: a way to call it, its sandbox, the system's lists of programs and links.
set -e

ln -sf /opt/Rhumb/rhumb-desktop /usr/bin/rhumb-desktop

# The sandbox needs user namespaces; where people may not make any, it has a program that root lends them.
if [ -f /opt/Rhumb/chrome-sandbox ]; then
  if unshare --user true 2>/dev/null; then
    chmod 0755 /opt/Rhumb/chrome-sandbox
  else
    chmod 4755 /opt/Rhumb/chrome-sandbox
  fi
fi

# Only where the system knows the rule `userns`; elsewhere the profile would be refused, and nothing needs it.
if [ -f /etc/apparmor.d/rhumb-desktop ] && command -v apparmor_parser >/dev/null; then
  if apparmor_parser --skip-kernel-load --debug /etc/apparmor.d/rhumb-desktop >/dev/null 2>&1; then
    if [ -d /sys/kernel/security/apparmor ]; then
      apparmor_parser --replace --write-cache --skip-read-cache /etc/apparmor.d/rhumb-desktop || true
    fi
  else
    rm -f /etc/apparmor.d/rhumb-desktop
  fi
fi

if command -v update-desktop-database >/dev/null; then
  update-desktop-database -q /usr/share/applications || true
fi
if command -v gtk-update-icon-cache >/dev/null; then
  gtk-update-icon-cache -q -t -f /usr/share/icons/hicolor || true
fi
