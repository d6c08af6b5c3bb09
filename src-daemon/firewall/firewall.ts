/** The firewall of this machine: which program changes it, what is in force, and how it is taken back. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { formatPrefix, maskPrefix, parsePrefix } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import {
  applyIptables,
  clearIptables,
  clearIptablesKillSwitch,
  type Iptables,
  setIptablesKillSwitch,
  shownIptablesKillSwitch,
  usableIptables,
} from './iptables.ts';
import {
  KILL_SWITCH_TABLE,
  type KillSwitchWish,
  killSwitchGone,
  killSwitchText,
  rulesIn,
  shownRules,
} from './kill-switch-text.ts';
import { applyNft, clearNft, isInForce, readNft, runNft } from './nft.ts';
import { acceptsForOthers, firewallPlan } from './rules.ts';
import { isMissing, systemTool, type Tool } from './tool.ts';
import type { FirewallConfig, FirewallFacts, KillSwitch } from './types.ts';

export interface FirewallSystem {
  readonly nft: Tool;
  readonly iptables: readonly Iptables[];
  /** Its rules are in no table that `nft` sees, and decide beside them. */
  readonly legacy: readonly Iptables[];
  /** Undefined when there is no such file or it may not be read. */
  readonly read: (path: string) => string | undefined;
  /** False when it can't be written. */
  readonly write: (path: string, text: string) => boolean;
  readonly exists: (path: string) => boolean;
}

type Kind = 'nftables' | 'iptables';

export interface FirewallWarning {
  readonly kind: 'firewall-failed' | 'docker-stateful-filtering';
  readonly text: string;
}

const SRC_VALID_MARK = '/proc/sys/net/ipv4/conf/all/src_valid_mark';

export class Firewall {
  readonly #system: FirewallSystem;
  readonly #log: Log;
  /** What is in force, as text; undefined = nothing, as far as we know. */
  #inForce: { readonly kind: Kind; readonly text: string } | undefined;
  /** Something of ours may be there. */
  #touched = false;
  /** As it was asked for, and as it was shown when it was made. */
  #killSwitch: { readonly kind: Kind; readonly text: string; readonly shown: string } | undefined;
  readonly #pids: number[] = [];

  constructor(log: Log, system: FirewallSystem = linuxFirewall()) {
    this.#log = log;
    const counted = (tool: Iptables): Iptables => ({ ...tool, restore: this.#counted(tool.restore) });
    this.#system = {
      ...system,
      nft: this.#counted(system.nft),
      iptables: system.iptables.map(counted),
      legacy: system.legacy.map(counted),
    };
  }

  /** Processes that changed rules for us since the last call. */
  takePids(): readonly number[] {
    return this.#pids.splice(0);
  }

  /** What is missing or refused is a warning: the tunnel works without, if not in every direction. */
  async apply(config: FirewallConfig, facts: FirewallFacts): Promise<readonly FirewallWarning[]> {
    if (config.mode === 'off') {
      if (this.#touched) await this.clear();
      return [];
    }
    const kind = await this.#choose(config.kind);
    if (kind === undefined) {
      if (this.#touched) await this.clear();
      return [{ kind: 'firewall-failed', text: noTool(config.kind) }];
    }
    if (this.#inForce !== undefined && this.#inForce.kind !== kind) await this.clear();
    this.#touched = true;
    try {
      const owned = await this.#apply(kind, config, facts);
      return [...owned.map((table) => ownedTable(table, facts.tunName)), ...this.#docker(config)];
    } catch (error) {
      this.#inForce = undefined;
      return [{ kind: 'firewall-failed', text: toRhumbError(error).message }];
    }
  }

  /** What the setting is that has strict reverse-path filtering go by the mark of a packet; undefined when it need not change. */
  marksBefore(): string | undefined {
    const before = this.#system.read(SRC_VALID_MARK)?.trim();
    return before === '1' ? undefined : before;
  }

  lookAtMarks(): void {
    if (this.#system.write(SRC_VALID_MARK, '1\n')) return;
    this.#log('warn', 'firewall.src-valid-mark', {
      effect: 'strict reverse-path filtering may drop answers',
    });
  }

  restoreMarks(before: string): void {
    if (this.#system.read(SRC_VALID_MARK)?.trim() === '1') this.#system.write(SRC_VALID_MARK, `${before}\n`);
  }

  /** Whole and idempotent. Rejects when it is not wholly in force; as much of it as can be had is. */
  async setKillSwitch(
    { lan }: KillSwitch,
    { kind, forwards }: Pick<FirewallConfig, 'kind' | 'forwards'>,
    tunName: string,
  ): Promise<void> {
    const wish = { tunName, forwards, lan: lan.map(prefixText) };
    // Whichever was asked for (the server may ask, too): it is no reason to leave the way open.
    const chosen = (await this.#choose(kind)) ?? (await this.#choose(''));
    if (chosen === undefined) throw noKillSwitch();
    const text = JSON.stringify([chosen, wish]);
    const before = this.#killSwitch;
    const now = before?.text === text ? await this.#shownKillSwitch(chosen) : '';
    if (now !== '' && now === before?.shown) return;
    if (chosen === 'nftables') await runNft(this.#system.nft, killSwitchText(wish));
    else await this.#setIptables(wish);
    const made = await this.#shownKillSwitch(chosen);
    // Somebody may have emptied it since: then it must not pass for what was wanted the next time.
    const isWhole = chosen === 'iptables' || shownRules(made) === rulesIn(killSwitchText(wish));
    this.#killSwitch = { kind: chosen, text, shown: isWhole ? made : '' };
    // An earlier run may have chosen the other program, and what that one says about the LAN is old.
    if (before?.kind !== chosen)
      await this.#clearKillSwitchOf(chosen === 'nftables' ? 'iptables' : 'nftables');
    if (before?.text !== text) this.#log('info', 'kill-switch.on', { by: chosen, lan: wish.lan.length });
  }

  /** Of whichever run, and of whichever program. */
  async hasKillSwitch(): Promise<boolean> {
    if ((await this.#nftWorks()) && (await this.#shownKillSwitch('nftables')) !== '') return true;
    return (await this.#shownKillSwitch('iptables')) !== '';
  }

  /** True when there was one, of this run or of one before. Rejects when the one that is there can't be taken away. */
  async clearKillSwitch(): Promise<boolean> {
    const found = [await this.#clearKillSwitchOf('nftables'), await this.#clearKillSwitchOf('iptables')];
    if (this.#killSwitch?.kind === 'nftables' && !(await this.#nftWorks())) throw noWayToOpen();
    this.#killSwitch = undefined;
    if (found.includes(true)) this.#log('info', 'kill-switch.off');
    return found.includes(true);
  }

  /** Everything but the kill switch, of this run or of one before; true when there was something. */
  async clear(): Promise<boolean> {
    this.#inForce = undefined;
    const found = [
      (await this.#nftWorks()) && (await clearNft(this.#system.nft)),
      await clearIptables(await usableIptables(this.#system.iptables)),
      await clearIptables(await this.#legacyInUse()),
    ];
    this.#touched = false;
    return found.includes(true);
  }

  async #apply(kind: Kind, config: FirewallConfig, facts: FirewallFacts): Promise<readonly string[]> {
    const plan = firewallPlan(config, facts);
    const accepts = acceptsForOthers(config, facts);
    const diverts = config.mode === 'on';
    const text = JSON.stringify([plan, diverts]);
    const isSame = this.#inForce?.text === text;
    if (kind === 'iptables') {
      const tools = await usableIptables(this.#system.iptables);
      const changed = await applyIptables(tools, plan, { diverts, isSame });
      if (changed) this.#log('info', 'firewall.applied', { by: kind, families: tools.length });
      this.#inForce = { kind, text };
      return [];
    }
    const wish = { plan, accepts, diverts };
    let state = await readNft(this.#system.nft);
    if (!isSame || !isInForce(wish, state)) {
      state = await applyNft(this.#system.nft, wish);
      this.#log('info', 'firewall.applied', { by: kind, others: state.foreign.length });
    }
    await applyIptables(await this.#legacyInUse(), accepts, { diverts, isSame });
    this.#inForce = { kind, text };
    return diverts ? state.owned : [];
  }

  #counted(tool: Tool): Tool {
    return async (args, input) => {
      const result = await tool(args, input);
      if (input !== undefined && result.pid !== undefined) this.#pids.push(result.pid);
      return result;
    };
  }

  async #choose(wanted: FirewallConfig['kind']): Promise<Kind | undefined> {
    if (wanted !== 'iptables' && (await this.#nftWorks())) return 'nftables';
    if (wanted !== 'nftables' && (await usableIptables(this.#system.iptables)).length > 0) return 'iptables';
    return undefined;
  }

  async #nftWorks(): Promise<boolean> {
    try {
      return (await this.#system.nft(['-j', 'list', 'tables'])).code === 0;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async #setIptables(wish: KillSwitchWish): Promise<void> {
    const usable = await usableIptables(this.#system.iptables);
    await setIptablesKillSwitch(usable, wish);
    const needs6 = this.#system.exists('/proc/net/if_inet6');
    if (needs6 && !usable.some(({ family }) => family === 6))
      throw new RhumbError(
        'unavailable',
        'an exit node needs a firewall for IPv6 too, and ip6tables does not work here: install nftables',
      );
  }

  async #clearKillSwitchOf(kind: Kind): Promise<boolean> {
    if (kind === 'iptables')
      return await clearIptablesKillSwitch(await usableIptables(this.#system.iptables));
    if (!(await this.#nftWorks()) || (await this.#shownKillSwitch('nftables')) === '') return false;
    await runNft(this.#system.nft, killSwitchGone());
    return true;
  }

  /** As the program shows it, without counters: somebody may have emptied it and left the rest. Empty = there is none. */
  async #shownKillSwitch(kind: Kind): Promise<string> {
    if (kind === 'iptables')
      return await shownIptablesKillSwitch(await usableIptables(this.#system.iptables));
    const shown = await this.#system.nft(['-s', 'list', 'table', 'inet', KILL_SWITCH_TABLE]);
    return shown.code === 0 ? shown.stdout : '';
  }

  /** Asking `iptables-legacy` would make the tables it is asked about: only those who are in use are looked at. */
  async #legacyInUse(): Promise<Iptables[]> {
    const inUse = this.#system.legacy.filter(({ family }) =>
      (this.#system.read(family === 4 ? '/proc/net/ip_tables_names' : '/proc/net/ip6_tables_names') ?? '')
        .split('\n')
        .includes('filter'),
    );
    return await usableIptables(inUse);
  }

  #docker({ stateful, forwards }: FirewallConfig): FirewallWarning[] {
    if (!stateful || !forwards || !this.#system.exists('/sys/class/net/docker0')) return [];
    return [
      {
        kind: 'docker-stateful-filtering',
        text: 'stateful filtering is on and Docker runs here: its containers may not be able to begin connections into the network; to allow it: rhumb set --stateful-filtering=false',
      },
    ];
  }
}

const noKillSwitch = (): RhumbError =>
  new RhumbError(
    'unavailable',
    'an exit node needs a firewall that keeps everything else inside, and neither nft nor iptables works here: install nftables',
  );

const noWayToOpen = (): RhumbError =>
  new RhumbError(
    'unavailable',
    'packets are still kept from leaving outside the tunnel, because nft is missing now: install nftables, then: rhumbd --cleanup',
  );

function prefixText(text: string): string {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new RhumbError('bad-argument', `not an address or prefix: ${text}`);
  return formatPrefix(maskPrefix(prefix));
}

const noTool = (kind: FirewallConfig['kind']): string =>
  kind === ''
    ? 'neither nft nor iptables works here, so subnet routes and exit nodes may not work and nothing keeps neighbours from posing as peers: install nftables'
    : `${kind === 'nftables' ? 'nft' : 'iptables'} does not work here: install ${kind}, or let rhumbd choose`;

const ownedTable = (table: string, tunName: string): FirewallWarning => ({
  kind: 'firewall-failed',
  text: `the firewall table ${table} belongs to another program and may drop what peers send; allow the interface there (firewalld: firewall-cmd --zone=trusted --add-interface=${tunName})`,
});

function linuxFirewall(): FirewallSystem {
  const family = (family: 4 | 6, variant: '' | '-legacy'): Iptables => {
    const name = `${family === 4 ? 'iptables' : 'ip6tables'}${variant}`;
    return {
      family,
      name,
      save: systemTool(`${name}-save`, 'iptables'),
      restore: systemTool(`${name}-restore`, 'iptables'),
    };
  };
  return {
    nft: systemTool('nft', 'nftables'),
    iptables: [family(4, ''), family(6, '')],
    legacy: [family(4, '-legacy'), family(6, '-legacy')],
    read: (path) => {
      try {
        return readFileSync(path, 'latin1');
      } catch {
        return undefined;
      }
    },
    write: (path, text) => {
      try {
        writeFileSync(path, text);
        return true;
      } catch {
        return false;
      }
    },
    exists: existsSync,
  };
}
