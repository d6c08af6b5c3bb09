/** Asks the daemon to look at the network around it, at most once at a time, and remembers what it found. */
import { Radar } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { announce } from '../../../ui/announce.tsx';
import { Button } from '../../../ui/button.tsx';
import { t } from '../../i18n/text.ts';
import { FRESH_MS, lastRun, remember, useRuns } from '../../lib/netcheck-runs.ts';
import { ask, failureText } from '../../store/act.ts';
import { useSnapshot } from '../../store/store.ts';

export interface Run {
  readonly isBusy: boolean;
  readonly problem: string | undefined;
  readonly start: () => void;
}

/** Begins by itself when the last report is old. */
export function useNetcheck(): Run {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const isRunning = useRef(false);
  const isReady = useSnapshot(({ link }) => link.kind === 'ready');
  const start = async (): Promise<void> => {
    if (isRunning.current) return;
    isRunning.current = true;
    setBusy(true);
    setProblem(undefined);
    try {
      remember(await ask('netcheck.run', undefined));
      announce(t('netcheck.done'));
    } catch (error) {
      setProblem(failureText(error));
    } finally {
      isRunning.current = false;
      setBusy(false);
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when somebody looks and there is a daemon
  useEffect(() => {
    const last = lastRun(useRuns.getState());
    if (isReady && (last === undefined || Date.now() - last.atMs > FRESH_MS)) void start();
  }, [isReady]);
  return { isBusy, problem, start: () => void start() };
}

export const RunButton = ({ run }: { readonly run: Run }): React.JSX.Element => (
  <Button icon={Radar} isPending={run.isBusy} onPress={run.start}>
    {t('netcheck.run')}
  </Button>
);
