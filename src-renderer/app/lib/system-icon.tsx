/** A picture of the kind of machine, beside words that say the same. */
import { Laptop, type LucideIcon, Monitor, Server, Smartphone, Tv } from 'lucide-react';

const ICONS: Readonly<Record<string, LucideIcon>> = {
  linux: Server,
  freebsd: Server,
  openbsd: Server,
  windows: Monitor,
  macos: Laptop,
  darwin: Laptop,
  ios: Smartphone,
  android: Smartphone,
  tvos: Tv,
};

export function SystemIcon({ os }: { readonly os: string }): React.JSX.Element {
  const id = os.toLowerCase();
  const Icon = (Object.hasOwn(ICONS, id) ? ICONS[id] : undefined) ?? Monitor;
  return <Icon aria-hidden="true" className="system-icon" />;
}
