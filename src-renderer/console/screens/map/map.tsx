/** The access map. */
export function MapScreen(): React.JSX.Element {
  return <p />;
}
