/** `npm run lab -- NAME [WORDS] | --list`: runs one scenario and ends with its line of figures. */
import { scenarios } from './catalogue.ts';
import { resultLine } from './figures.ts';
import { untilTold } from './leash.ts';
import { play } from './scenario.ts';

const [name, ...args] = process.argv.slice(2);
const told = untilTold();
const scenario = scenarios.find((one) => one.name === name);

if (name === '--list') {
  for (const one of scenarios)
    console.log(`${one.name.padEnd(22)} ${one.what}${one.isSlow ? ' (slow)' : ''}`);
} else if (scenario === undefined) {
  const said = name === undefined ? 'name a scenario' : `no scenario is called ${name}`;
  console.error(`${said}; \`npm run lab -- --list\` names them`);
  process.exitCode = 2;
} else {
  const { result, trouble } = await play(scenario, told, { args, say: (text) => console.log(text) });
  if (trouble !== undefined) console.error(trouble);
  for (const { what, why } of result.skipped) console.error(`skipped ${what}: ${why}`);
  console.log(resultLine(result));
  process.exitCode = result.ok ? 0 : 1;
}
process.exit();
