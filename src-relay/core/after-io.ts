/** The adapter to Node's event loop: calls once the sockets that are readable at the moment have been read. */

/** The check phase of libuv's loop follows the poll phase, so nothing waits for anything else than other sockets' bytes. */
export const afterIo = (fn: () => void): void => {
  setImmediate(fn);
};
