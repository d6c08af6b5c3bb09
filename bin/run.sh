# Sourced by the programs beside it: finds a Node that can run TypeScript, then becomes it.
# The caller sets $dir (this folder, links resolved) and $entry (path of the program below the checkout).
root=$(cd "$dir/.." && pwd -P)
node=$root/node_modules/node/bin/node
[ -x "$node" ] || node=$(command -v node) || {
  echo "${0##*/}: no Node.js found: run 'node tools/setup.mjs' in $root first" >&2
  exit 1
}
# Keeps what the types were stripped from, compiled: half the start-up time and 30 MB less memory. Node does without it
# where the folder can't be written.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE-$root/node_modules/.cache/rhumb}"
exec "$node" --disable-warning=ExperimentalWarning "$root/$entry" "$@"
