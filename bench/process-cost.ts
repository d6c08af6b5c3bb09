/** What a process has used so far, from /proc. */
import { readFileSync } from 'node:fs';

/** Of proc_pid_stat(5), as everywhere on Linux. */
const TICKS_PER_S = 100;

export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

export function residentMB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1_024;
}

/** What all processors spent so far but for idling and waiting (proc_stat(5)); without what neighbours took. */
export function busySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = machineTicks();
  return (user + nice + system + irq + softIrq) / TICKS_PER_S;
}

/** What other machines took from our processors so far. */
export const stolenSeconds = (): number => (machineTicks()[7] ?? 0) / TICKS_PER_S;

function machineTicks(): readonly number[] {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n');
  return line.split(/\s+/).slice(1).map(Number);
}
