/** Routes for people who look after the daemon: figures, reports, logs (localapi-and-daemon.md §2.1). */
import { sendText } from '../reply.ts';
import { type RouteTable, read, write } from '../route.ts';

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

export const diagnosticsRoutes: RouteTable = {
  metrics: write('metric', ['GET'], ({ clientMetrics, response }) =>
    sendText(response, clientMetrics.text(), 200, PROMETHEUS),
  ),
  usermetrics: read('usermetrics', ['GET'], ({ userMetrics, response }) =>
    sendText(response, userMetrics.text(), 200, PROMETHEUS),
  ),
};
