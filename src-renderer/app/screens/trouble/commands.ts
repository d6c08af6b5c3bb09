/** What to type on each system where the app can't do it, or may not. */

export const COMMANDS: Readonly<
  Record<string, { readonly install: string; readonly start: string; readonly log?: string }>
> = {
  linux: {
    install: 'sudo apt install rhumb',
    start: 'sudo systemctl start rhumbd',
    log: 'sudo journalctl -u rhumbd -n 20',
  },
  darwin: {
    install: 'sudo rhumbd service install',
    start: 'sudo launchctl kickstart system/io.rhumb.rhumbd',
    log: 'sudo tail -n 20 /Library/Logs/rhumbd.log',
  },
  win32: { install: 'rhumbd service install', start: 'sc start rhumbd' },
};
