/** What our programs say in their log of what goes wrong. */
import { z } from 'zod';
import type { LabProcess } from './process.ts';

const WARN = 40;
const line = z.object({ level: z.number(), event: z.string(), code: z.string().optional() });

/** Warnings and errors so far: the event, and the system's name of the error where there is one. */
export function troubleLines(process: LabProcess): readonly string[] {
  return process.output.split('\n').flatMap((text) => {
    if (!text.startsWith('{"level":')) return [];
    const { level, event, code } = line.parse(JSON.parse(text));
    return level < WARN ? [] : [code === undefined ? event : `${event} ${code}`];
  });
}
