/** App connectors: how they are read, who serves them, whom their filters let ask, and which routes they bring. */
import { describe, expect, test } from 'vitest';
import { askersOf } from './compile/app-dns.ts';
import { compileText } from './offline/compile-offline.ts';
import { contains } from './sets/ranges.ts';
import { compiled, errorsOf, machine, NODES, network } from './testing/golden.ts';

const CAP = 'tailscale.com/app-connectors';
const attrs = (app: object, target: readonly string[] = ['*']) => ({
  nodeAttrs: [{ target, app: { [CAP]: [app] } }],
});
const SHOP = { name: 'shop', domains: ['shop.test', '*.shop.test'], connectors: ['tag:edge'] };
const ADA = 0x64_40_00_0a;
const BEN = 0x64_40_00_14;

/** The network of the examples, with web2 (tag:edge, tag:web) and rtr1 offering themselves. */
function offering(announced: readonly string[] = []) {
  const { web2, rtr1 } = NODES;
  if (web2 === undefined || rtr1 === undefined) throw new Error('not in the examples');
  const routes = { routable_ips: announced };
  return network({
    ...NODES,
    web2: { ...web2, ...routes, app_connector: true },
    rtr1: { ...rtr1, app_connector: true },
  });
}

const warnings = (rules: object, net = network()): readonly string[] =>
  compileText(JSON.stringify({ tagOwners: { 'tag:edge': [] }, ...rules }), net, 'https://vpn.test')
    .report.all.filter(({ severity }) => severity === 'warning')
    .map(({ code, pointer }) => `${code.replace('policy/', '')} ${pointer}`);

describe('reading', () => {
  test('clients get lower case without a dot, and whole prefixes', () => {
    const rules = attrs({
      ...SHOP,
      domains: ['Shop.Test.', '*.B.test'],
      routes: ['192.0.2.7/24', '2001:db8::/32'],
    });
    const good = compiled(rules);
    expect(good.capMapOf(machine(good, 'web1'))[CAP]).toEqual([
      {
        name: 'shop',
        domains: ['shop.test', '*.b.test'],
        routes: ['192.0.2.0/24', '2001:db8::/32'],
        connectors: ['tag:edge'],
      },
    ]);
  });

  test('apps of several entries come together, to the machines that the entries name', () => {
    const other = { name: 'other', domains: ['o.test'], connectors: ['*'] };
    const good = compiled({
      nodeAttrs: [
        { target: ['*'], app: { [CAP]: [SHOP] } },
        { target: ['tag:web'], app: { [CAP]: [other] } },
      ],
    });
    expect(good.capMapOf(machine(good, 'web1'))[CAP]).toEqual([SHOP, other]);
    expect(good.capMapOf(machine(good, 'db1'))[CAP]).toEqual([SHOP]);
  });

  test.each([
    [{ ...SHOP, domains: ['https://shop.test'] }, /is not a domain/],
    [{ ...SHOP, domains: ['*'] }, /is not a domain/],
    [{ ...SHOP, domains: ['a.*.test'] }, /is not a domain/],
    [{ ...SHOP, domains: [''] }, /is not a domain/],
    [{ ...SHOP, domains: [`${'a'.repeat(64)}.test`] }, /is not a domain/],
    [{ ...SHOP, domains: ['10.0.0.1'] }, /addresses go into routes/],
    [{ ...SHOP, domains: ['10.0.0.0/8'] }, /addresses go into routes/],
    [{ ...SHOP, domains: [7] }, /must be a string/],
    [{ ...SHOP, routes: ['0.0.0.0/0'] }, /is not a route of an app/],
    [{ ...SHOP, routes: ['shop.test'] }, /is not a route of an app/],
    [{ ...SHOP, connectors: [] }, /must name its connectors/],
    [{ ...SHOP, connectors: ['tag:edgy'] }, /tag not found: "tag:edgy".*tag:edge/],
    [{ ...SHOP, connectors: ['group:ops'] }, /can't be a connector/],
    [{ ...SHOP, domain: ['shop.test'] }, /unknown field: "domain".*domains/],
    ['shop', /must be an object/],
  ])('%j is refused', (app, message) => {
    expect(errorsOf(attrs(app as object)).join('\n')).toMatch(message);
  });
});

describe('serving', () => {
  const internet = { acls: [{ action: 'accept', src: ['ada@corp.test'], dst: ['autogroup:internet:*'] }] };

  test('who may use the internet sees a connector that offers itself, and may ask it', () => {
    const good = compiled({ ...attrs(SHOP), ...internet }, offering());
    const [ada, ben, web2] = ['ada-laptop', 'ben-desktop', 'web2'].map((name) => machine(good, name));
    if (ada === undefined || ben === undefined || web2 === undefined) throw new Error('not there');
    expect(good.peersOf(ada).map(({ name }) => name)).toContain('web2');
    expect(good.peersOf(ben).map(({ name }) => name)).not.toContain('web2');
    const askers = askersOf(good.filterOf(web2));
    expect([contains(askers, ADA), contains(askers, BEN)]).toEqual([true, false]);
    expect(good.allowedIps(ada, web2)).toHaveLength(2);
  });

  test('one that the policy does not name is no connector, whatever it says of itself', () => {
    const good = compiled({ ...attrs(SHOP), ...internet }, offering());
    expect(machine(good, 'rtr1').isConnector).toBe(false);
    expect(good.peersOf(machine(good, 'ada-laptop')).map(({ name }) => name)).not.toContain('rtr1');
  });

  test('nor is one that does not offer itself, or that is not told of the app', () => {
    expect(machine(compiled(attrs(SHOP)), 'web2').isConnector).toBe(false);
    expect(machine(compiled(attrs(SHOP, ['tag:db']), offering()), 'web2').isConnector).toBe(false);
  });

  test('a star names every machine that offers itself', () => {
    const good = compiled(attrs({ ...SHOP, connectors: ['*'] }), offering());
    expect(good.machines.filter(({ isConnector }) => isConnector).map(({ name }) => name)).toEqual([
      'web2',
      'rtr1',
    ]);
  });

  test('who may reach port 53 of the connector itself may ask it too, once', () => {
    const acls = [{ action: 'accept', proto: 'udp', src: ['ben@corp.test'], dst: ['tag:edge:53'] }];
    const good = compiled({ ...attrs(SHOP), acls }, offering());
    const filter = good.filterOf(machine(good, 'web2'));
    expect(contains(askersOf(filter), BEN)).toBe(true);
    expect(contains(askersOf(filter), ADA)).toBe(false);
    expect(filter.at(-1)).toEqual({
      SrcIPs: filter[0]?.SrcIPs,
      DstPorts: [{ IP: '0.0.0.0', Ports: { First: 53, Last: 53 } }],
      IPProto: [6],
    });
  });

  test('another port, or another machine of the same tag, gives nothing', () => {
    const acls = [{ action: 'accept', src: ['ben@corp.test'], dst: ['tag:edge:80', 'tag:db:53'] }];
    const good = compiled({ ...attrs(SHOP), acls }, offering());
    expect(contains(askersOf(good.filterOf(machine(good, 'web2'))), BEN)).toBe(false);
    expect(
      good.filterOf(machine(good, 'db1')).flatMap(({ DstPorts = [] }) => DstPorts.map(({ IP }) => IP)),
    ).not.toContain('0.0.0.0');
  });

  test('everybody may ask where everybody may do everything', () => {
    const good = compiled(attrs(SHOP), offering());
    expect(contains(askersOf(good.filterOf(machine(good, 'web2'))), BEN)).toBe(true);
  });
});

describe('routes', () => {
  test.each([
    ['an address of the internet', '93.184.215.14/32', true],
    ['one of IPv6', '2606:2800:220::1/128', true],
    ['a private address', '10.9.9.9/32', false],
    ['a network', '93.184.215.0/24', false],
    ['a route that the app asks for', '10.7.0.0/16', true],
    ['an address in it', '10.7.1.1/32', true],
    ['an exit route', '0.0.0.0/0', false],
  ])('%s: %s', (_, route, isApproved) => {
    const good = compiled(attrs({ ...SHOP, routes: ['10.7.0.0/16'] }), offering([route]));
    expect(good.autoApprovedOf(machine(good, 'web2')).map(({ text }) => text)).toEqual(
      isApproved ? [route] : [],
    );
  });

  test('without domains no address was learned', () => {
    const good = compiled(
      attrs({ connectors: ['tag:edge'], routes: ['10.7.0.0/16'] }),
      offering(['1.2.3.4/32']),
    );
    expect(good.autoApprovedOf(machine(good, 'web2'))).toEqual([]);
  });

  test('a machine that serves nothing brings nothing', () => {
    const good = compiled({}, offering(['93.184.215.14/32']));
    expect(good.autoApprovedOf(machine(good, 'web2'))).toEqual([]);
  });
});

describe('warnings', () => {
  test('an app that nobody serves says what is missing', () => {
    const rules = { ...attrs(SHOP), tagOwners: { 'tag:edge': [], 'tag:none': [] } };
    expect(warnings(rules)).toEqual([
      'tag-unused /tagOwners/tag:none',
      'app-unserved /nodeAttrs/0/app/tailscale.com~1app-connectors/0',
    ]);
    expect(warnings(rules, offering())).toEqual(['tag-unused /tagOwners/tag:none']);
  });

  test('a preset, an empty app and a domain of two apps are told', () => {
    const app = { ...SHOP, presetAppID: 'github', domains: ['a.test'] };
    const rules = {
      nodeAttrs: [
        { target: ['*'], app: { [CAP]: [app, { ...app, presetAppID: null }, { connectors: ['*'] }] } },
      ],
    };
    const codes = warnings(rules, offering()).map((text) => text.split(' ')[0]);
    expect(codes).toEqual(expect.arrayContaining(['unsupported-feature', 'app-domain-twice', 'app-empty']));
  });
});
