/**
 * What every PacketEngine must do (data-plane.md §1, §4): run it with `engineConformance(name, make)` from a test file.
 * Both engines pass the same suite; where they differ, the portable one says what is meant.
 */
import { describe } from 'vitest';
import { controlConformance } from './conformance/control.ts';
import { dropConformance } from './conformance/drops.ts';
import { filterConformance } from './conformance/filter.ts';
import { keyConformance } from './conformance/keys.ts';
import { loadConformance } from './conformance/load.ts';
import { pathConformance } from './conformance/paths.ts';
import { routeConformance } from './conformance/routes.ts';
import { socketConformance } from './conformance/sockets.ts';
import type { MakeEngine } from './tunnel-host.ts';

export function engineConformance(name: string, make: MakeEngine): void {
  describe(`the ${name} engine`, () => {
    describe('keys', () => keyConformance(make));
    describe('drops', () => dropConformance(make));
    describe('filter', () => filterConformance(make));
    describe('load', () => loadConformance(make));
    describe('paths', () => pathConformance(make));
    describe('routes', () => routeConformance(make));
    describe('extra sockets', () => socketConformance(make));
    describe('control', () => controlConformance(make));
  });
}
