/** `rhumb completion`: scripts for shells, and the hidden command that those scripts ask. */
import type { Command, Flag } from '../commands/spec.ts';

const FLAGS: readonly Flag[] = [
  { name: 'flags', kind: 'bool', initial: true, about: 'offer flags together with commands' },
  { name: 'descs', kind: 'bool', initial: true, about: 'say what each is' },
];

const shell = (name: string, how: string): Command => ({
  name,
  about: `Print the script for ${name}`,
  details: how,
  flags: FLAGS,
  load: async () => (await import('../complete/scripts.ts')).printScript(name),
  isOffline: () => true,
});

export const completion: Command = {
  name: 'completion',
  about: 'Print what makes a shell complete the commands',
  flags: [],
  subcommands: [
    shell('bash', 'For all users: rhumb completion bash > /usr/share/bash-completion/completions/rhumb'),
    shell('zsh', 'For all users: rhumb completion zsh > /usr/share/zsh/site-functions/_rhumb'),
    shell('fish', 'For yourself: rhumb completion fish > ~/.config/fish/completions/rhumb.fish'),
    shell('powershell', 'In the profile: rhumb completion powershell | Out-String | Invoke-Expression'),
    {
      name: '__complete',
      about: 'Offer words for a command line that is being typed',
      usage: '-- <word>…',
      maxArgs: 1_000,
      isHidden: true,
      flags: FLAGS,
      load: async () => (await import('../complete/complete.ts')).complete,
    },
  ],
};
