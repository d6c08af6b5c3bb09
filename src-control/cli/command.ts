/** What a command is made of: a name, what it is for, and what it does with a hand on the state. */
import { Command } from 'commander';
import type { Admin } from '../admin/calls.ts';
import { type Globals, type Io, openNamed, readGlobals, withGlobalOptions } from './context.ts';

type Act = (admin: Admin, globals: Globals) => Promise<void>;

/** Runs one command against a state that is there. */
export const against = (io: Io, command: Command, act: Act): Promise<void> => run(io, command, act, 'refuse');

/** Runs one command, which may begin a new state. */
export const beginning = (io: Io, command: Command, act: Act): Promise<void> =>
  run(io, command, act, 'begin');

async function run(io: Io, command: Command, act: Act, missing: 'refuse' | 'begin'): Promise<void> {
  const globals = readGlobals(command);
  await using admin = await openNamed(globals, io, missing);
  await act(admin, globals);
}

export const leaf = (name: string, what: string): Command =>
  withGlobalOptions(new Command(name).description(what));
export const group = (name: string, what: string): Command => new Command(name).description(what);
