/** Prometheus text, and traffic counted by path. */
import { expect, test } from 'vitest';
import { MetricsRegistry } from './metrics.ts';
import { TrafficByPath } from './traffic.ts';

test('metrics are printed in the text exposition format, sorted, with labels and values escaped', () => {
  const registry = new MetricsRegistry();
  registry.counter('b_total', 'counts b').add(3);
  registry.register({
    name: 'a',
    kind: 'gauge',
    help: 'line\nbreak \\',
    read: () => [{ labels: { path: 'x"y\\z\n' }, value: 1n << 60n }, { value: 0.5 }],
  });
  registry.register({ name: 'empty', kind: 'gauge', help: 'h', read: () => [] });
  registry.collect('engine', 'packets', () => ({ 'drop.no-route': 7n }));
  expect(registry.text()).toBe(
    [
      '# HELP a line\\nbreak \\\\',
      '# TYPE a gauge',
      'a{path="x\\"y\\\\z\\n"} 1152921504606846976',
      'a 0.5',
      '# HELP b_total counts b',
      '# TYPE b_total counter',
      'b_total 3',
      '# HELP engine_drop_no_route packets: drop.no-route',
      '# TYPE engine_drop_no_route counter',
      'engine_drop_no_route 7',
      '',
    ].join('\n'),
  );
});

test('a name that is unfit or taken is a bug', () => {
  const registry = new MetricsRegistry();
  registry.counter('a', 'h');
  expect(() => registry.counter('a', 'h')).toThrow('taken');
  expect(() => registry.counter('1a', 'h')).toThrow('unfit');
});

test('traffic goes to the path that a peer has now, and never goes down', () => {
  const peer = (path: string, bytes: number) => ({
    id: 1,
    path,
    rxBytes: bytes,
    txBytes: 2 * bytes,
    rxPackets: 1,
    txPackets: 2,
  });
  const traffic = new TrafficByPath();
  traffic.look([peer('direct_ipv4', 100)]);
  traffic.look([peer('direct_ipv6', 150)]);
  traffic.look([]);
  const totals = traffic.look([peer('direct_ipv6', 10)]);
  expect(totals.get('direct_ipv4')?.rxBytes).toBe(100);
  expect(totals.get('direct_ipv6')).toMatchObject({ rxBytes: 60, txBytes: 120 });
});
