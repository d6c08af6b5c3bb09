/** What clients ask of parts that this daemon has none of yet, and for which "nothing there" is the answer they need. */
import { sendJson } from '../reply.ts';
import { type RouteTable, read } from '../route.ts';

export const absentRoutes: RouteTable = {
  'serve-config': read('serve config', ['GET'], ({ response }) => {
    // Nothing is served yet; the tag is that of the absent configuration.
    response.setHeader('Etag', '');
    sendJson(response, null);
  }),
};
