# Sourced by the programs beside it: finds a Node that can run TypeScript, then becomes it.
# The caller sets $dir (this folder, links resolved), $entry (path of the program below the checkout) and, where it needs
# some, $flags for Node.
root=$(cd "$dir/.." && pwd -P)
node=$root/node_modules/node/bin/node
if [ ! -x "$node" ]; then
  # The system's will do when it is new enough; asking costs a start, so the checkout's own is not asked.
  node=$(command -v node) && [ "$("$node" -p 'parseInt(process.versions.node)')" -ge 24 ] || node=
fi
if [ -z "$node" ] || [ ! -d "$root/node_modules/zod" ]; then
  echo "${0##*/}: not set up yet: run 'npm run setup' in $root first" >&2
  exit 1
fi
# Keeps what the types were stripped from, compiled: half the start-up time and 30 MB less memory. Node does without it
# where the folder can't be written.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE-$root/node_modules/.cache/rhumb}"
exec "$node" --disable-warning=ExperimentalWarning ${flags-} "$root/$entry" "$@"
