/** An HTTP/2 response stream as the place where map frames go. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { FrameSink } from '../mapper/session.ts';

export const http2Sink = (stream: ServerHttp2Stream): FrameSink => ({
  write: (frame) => (stream.writable ? stream.write(frame) : false),
  onDrain: (fn) => void stream.on('drain', fn),
  onClose: (fn) => {
    if (stream.closed || stream.destroyed) fn();
    else stream.once('close', fn);
  },
  end: () => {
    stream.end();
    // A client that reads nothing would keep an ended stream open for ever.
    if (stream.writableNeedDrain) stream.close(constants.NGHTTP2_CANCEL);
  },
  destroy: () => stream.close(constants.NGHTTP2_CANCEL),
});
