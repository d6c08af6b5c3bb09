/** Lines of a program, as it wrote them. */
import { Foreign } from '../../lib/foreign.tsx';

export const Lines = ({ lines }: { readonly lines: readonly string[] }): React.JSX.Element => (
  <ol className="trouble-lines">
    {lines.map((line, n) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: lines have nothing else, and many are alike
      <li key={n}>
        <Foreign text={line} max={500} />
      </li>
    ))}
  </ol>
);
