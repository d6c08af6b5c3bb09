/** What a desk is given in tests where nothing hinders it: a socket that can be trusted, and somebody who may change everything. */
import { silent } from '../../log/log.ts';
import type { DeskOptions } from '../desk.ts';

export const ofManager = ({ api, clock }: Pick<DeskOptions, 'api' | 'clock'>): DeskOptions => ({
  api,
  clock,
  log: silent,
  platform: 'linux',
  rights: async () => 'manage',
  diagnose: async () => ({ kind: 'absent', why: 'stopped' }),
  checkSocket: async () => undefined,
});
