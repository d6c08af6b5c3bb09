/** `/tailnet/{t}/logging/configuration`: the audit log (coordination-server.md §13.5). */
import { z } from 'zod';
import type { AuditPage } from '../../admin/audit.ts';
import { endpoint } from '../endpoint.ts';
import { checkTailnet, inTailnet } from './common.ts';

const PAGE = 1_000;
/** More than this is asked for in several spans of time. */
const MAX_PAGES = 20;

const time = z.iso.datetime({ offset: true });

export const loggingEndpoints = [
  endpoint({
    method: 'GET',
    path: '/api/v2/tailnet/:t/logging/configuration',
    need: 'logs:configuration:read',
    tag: 'Logging',
    summary: 'Show the audit log of a span of time, oldest first',
    params: inTailnet,
    query: z.object({
      start: time,
      end: time,
      actor: z.string().max(256).optional(),
      target: z.string().max(256).optional(),
      event: z.string().max(64).optional(),
    }),
    result: z.object({ version: z.string(), tailnet: z.string(), logs: z.array(z.unknown()) }),
    run: async (asked, { params, query }) => {
      checkTailnet(asked, params.t);
      const { actor, target, event } = query;
      const arg = {
        ...{ from: Date.parse(query.start), until: Date.parse(query.end), limit: PAGE },
        ...(actor === undefined ? {} : { actor }),
        ...(target === undefined ? {} : { target }),
        ...(event === undefined ? {} : { action: event }),
      };
      const events: AuditPage['events'][number][] = [];
      let before: number | null = null;
      for (let page = 0; page < MAX_PAGES; page++) {
        const found: AuditPage = await asked.call('audit.list', {
          ...arg,
          ...(before === null ? {} : { beforeSeq: before }),
        });
        events.push(...found.events);
        before = found.next;
        if (before === null) break;
      }
      return { version: '1.1', tailnet: asked.deps.baseDomain, logs: events.reverse() };
    },
  }),
];
