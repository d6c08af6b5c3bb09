/** The policy. */
export function PolicyScreen({ tab }: { readonly tab: string }): React.JSX.Element {
  return <p>{tab}</p>;
}
