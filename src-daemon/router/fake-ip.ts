/** An `ip` that keeps one interface, its routes and the rules in memory and answers in iproute2's words. */
import type { Tool, ToolResult } from '../firewall/tool.ts';

const ok = (stdout: string): ToolResult => ({ code: 0, stdout, stderr: '' });

interface FakeRoute {
  readonly prefix: string;
  readonly to: 'tunnel' | 'throw' | 'elsewhere';
  readonly protocol: string;
}

export class FakeIp {
  exists = true;
  isUp = false;
  mtu = 1_500;
  readonly addresses = new Set<string>();
  /** Of table 52, by prefix. */
  readonly routes = new Map<string, FakeRoute>();
  /** As `ip rule show` has them, after `-4 ` or `-6 `. */
  readonly rules = new Set<string>();
  readonly refuse: { pattern: RegExp; answer: string }[] = [];
  batches: string[][] = [];
  calls = 0;
  #pid = 1_000;

  readonly run: Tool = async (args, input = '') => {
    this.calls++;
    if (args.includes('-batch')) return this.#batch(input.trim().split('\n'), args.includes('-6') ? 6 : 4);
    const family = args.includes('-6') ? 6 : 4;
    if (args.includes('rule')) return ok(JSON.stringify(this.#shownRules(family)));
    if (args.includes('route')) {
      const listed = [...this.routes.values()].filter(
        ({ prefix }) => prefix.includes(':') === (family === 6),
      );
      return ok(JSON.stringify(listed.map(shownRoute)));
    }
    if (!this.exists) return { code: 1, stdout: '', stderr: 'Device "rhumb0" does not exist.\n' };
    return ok(JSON.stringify([this.#shown()]));
  };

  others(prefix: string): void {
    this.routes.set(prefix, { prefix, to: 'elsewhere', protocol: 'static' });
  }

  #shown(): unknown {
    const addr_info = [...this.addresses, 'fe80::1/64'].map((prefix) => {
      const [local, bits] = prefix.split('/');
      return { local, prefixlen: Number(bits), scope: local?.startsWith('fe80') ? 'link' : 'global' };
    });
    const flags = this.isUp ? ['POINTOPOINT', 'UP'] : ['POINTOPOINT'];
    return { ifindex: 7, ifname: 'rhumb0', flags, mtu: this.mtu, addr_info };
  }

  #shownRules(family: 4 | 6): unknown[] {
    return [...this.rules]
      .filter((rule) => rule.startsWith(`-${family} `))
      .map((rule) => {
        const [, fwmark, fwmask] = /fwmark (\S+)\/(\S+)/.exec(rule) ?? [];
        const [, table] = /lookup (\S+)/.exec(rule) ?? [];
        const [, priority] = /pref (\d+)/.exec(rule) ?? [];
        const [, protocol] = /protocol (\d+)/.exec(rule) ?? [];
        return {
          priority: Number(priority),
          src: 'all',
          ...(fwmark === undefined ? {} : { fwmark, fwmask }),
          ...(table === undefined ? { action: 'unreachable' } : { table }),
          ...(protocol === undefined ? {} : { protocol }),
        };
      });
  }

  #batch(lines: string[], family: 4 | 6): ToolResult {
    this.batches.push(lines);
    let stderr = '';
    for (const [i, line] of lines.entries()) {
      const answer =
        this.refuse.find(({ pattern }) => pattern.test(line))?.answer ?? this.#line(line, family);
      if (answer !== '') stderr += `${answer}\nCommand failed -:${i + 1}\n`;
    }
    return { code: stderr === '' ? 0 : 1, stdout: '', stderr, pid: this.#pid++ };
  }

  #line(line: string, family: 4 | 6): string {
    const [object, verb = '', prefix = ''] = line.split(' ');
    if (object === 'rule') return this.#rule(verb, `-${family} ${line.replace(/^rule \S+ /, '')}`);
    if (object === 'route') return this.#route(verb, line);
    if (!this.exists) return 'Cannot find device "rhumb0"';
    if (object === 'link') {
      if (line.includes(' mtu ')) this.mtu = Number(line.split(' ').at(-1));
      else this.isUp = line.endsWith(' up');
      return '';
    }
    if (verb === 'add' && this.addresses.has(prefix)) return 'Error: ipv4: Address already assigned.';
    if (verb === 'del' && !this.addresses.delete(prefix)) return 'Error: ipv4: Address not found.';
    if (verb === 'add') this.addresses.add(prefix);
    return '';
  }

  #rule(verb: string, rule: string): string {
    if (verb === 'del') return this.rules.delete(rule) ? '' : 'RTNETLINK answers: No such file or directory';
    if (this.rules.has(rule)) return 'RTNETLINK answers: File exists';
    this.rules.add(rule);
    return '';
  }

  #route(verb: string, line: string): string {
    const [, thrown, plain = ''] = /^route \S+ (?:throw (\S+)|(\S+))/.exec(line) ?? [];
    const prefix = thrown ?? plain;
    if (verb === 'del') return this.routes.delete(prefix) ? '' : 'RTNETLINK answers: No such process';
    if (thrown === undefined && !this.isUp) return 'RTNETLINK answers: Network is down';
    if (verb === 'add' && this.routes.has(prefix)) return 'RTNETLINK answers: File exists';
    const to = thrown === undefined ? 'tunnel' : 'throw';
    this.routes.set(prefix, { prefix, to, protocol: line.split(' ').at(-1) ?? '' });
    return '';
  }
}

const shownRoute = ({ prefix, to, protocol }: FakeRoute): unknown => ({
  dst: prefix.replace(/\/(32|128)$/, ''),
  protocol,
  ...(to === 'throw' ? { type: 'throw' } : { dev: to === 'tunnel' ? 'rhumb0' : 'other0' }),
});
