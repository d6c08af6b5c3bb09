/** The table of nat-traversal.md §5.7, read in both directions. */
import { expect, test } from 'vitest';
import { parseSockAddr } from '#shared/ip/address.ts';
import { isBetter, type Quality } from './quality.ts';

const at = (text: string, latencyMs: number): Quality => {
  const addr = parseSockAddr(text);
  if (addr === undefined) throw new TypeError(text);
  return { addr, latencyMs };
};

const V4 = '1.2.3.4:555';
const OTHER4 = '5.6.7.8:999';
const V6 = '[2001::5]:123';
const LAN = '10.0.0.2:123';

test.each([
  { name: 'half the latency wins', a: at(V4, 5), b: at(OTHER4, 10), ab: true, ba: false },
  { name: 'the same address is no better', a: at(V4, 5), b: at(V4, 10), ab: false, ba: false },
  {
    name: 'a larger MTU of the same address wins',
    a: { ...at(V4, 30), wireMtu: 1_500 },
    b: { ...at(V4, 30), wireMtu: 0 },
    ab: true,
    ba: false,
  },
  {
    name: 'the same address through another socket is another path',
    a: { ...at(V4, 5), via: 7 },
    b: at(V4, 10),
    ab: true,
    ba: false,
  },
  { name: 'equal latency changes nothing', a: at(V4, 100), b: at(OTHER4, 100), ab: false, ba: false },
  { name: 'one percent changes nothing', a: at(V4, 100), b: at(OTHER4, 101), ab: false, ba: false },
  { name: 'three percent wins', a: at(V4, 100), b: at(OTHER4, 103), ab: true, ba: false },
  { name: 'no latency at all is no reason', a: at(V4, 0), b: at(OTHER4, 0), ab: false, ba: false },
  { name: 'a private address wins when roughly equal', a: at(LAN, 100), b: at(V4, 91), ab: true, ba: false },
  { name: 'a private address loses when much slower', a: at(LAN, 100), b: at(V4, 30), ab: false, ba: true },
  { name: 'IPv6 wins when roughly equal', a: at(V6, 100), b: at(V4, 91), ab: true, ba: false },
  { name: 'IPv6 loses when much slower', a: at(V6, 100), b: at(V4, 30), ab: false, ba: true },
  {
    name: 'a private address wins over a public IPv6 one',
    a: at('192.168.0.1:555', 100),
    b: at(V6, 101),
    ab: true,
    ba: false,
  },
  {
    name: 'a link-local address wins over a private one',
    a: at('[fe80::ce8:474a:a27e:113b]:555', 101),
    b: at('[fd89:1a8a:8888:9999:aaaa:bbbb:cccc:dddd]:555', 100),
    ab: true,
    ba: false,
  },
  {
    name: 'loopback wins over link-local',
    a: at('[::1]:555', 100),
    b: at('[fe80::ce8:474a:a27e:113b]:555', 101),
    ab: true,
    ba: false,
  },
])('$name', ({ a, b, ab, ba }) => {
  expect(isBetter(a, b)).toBe(ab);
  expect(isBetter(b, a)).toBe(ba);
});
