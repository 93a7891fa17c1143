/** `npm run simulate`: reads the command line, plays scenarios, prints what was found; exits 1 when that is not as it must be. */
import { readOptions, USAGE, type Options } from './options.ts';
import { printReport } from './report/print-report.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { isGood, type Scenario } from './scenarios/scenario.ts';

function main(): void {
  const options = readOptions(process.argv.slice(2));
  if ('help' in options) return console.log(`${USAGE}\n\nScenarios:\n${listScenarios()}`);
  const reports = chooseScenarios(options).map((scenario) => {
    const report = scenario.play(options);
    if (!options.isJson) console.log(printReport(report));
    return report;
  });
  if (options.isJson) console.log(JSON.stringify(reports, null, 2));
  const bad = reports.filter((report) => !isGood(report)).map(({ scenario }) => scenario);
  if (bad.length === 0) return;
  console.error(`not as it must be: ${bad.join(', ')}`);
  process.exitCode = 1;
}

function listScenarios(): string {
  return SCENARIOS.map(({ name, shows }) => `  ${name.padEnd(10)} ${shows}`).join('\n');
}

function chooseScenarios({ scenario }: Options): readonly Scenario[] {
  if (scenario === undefined) return SCENARIOS;
  const chosen = SCENARIOS.filter(({ name }) => name === scenario);
  if (chosen.length === 0) throw new Error(`no scenario ${scenario}; there are:\n${listScenarios()}`);
  return chosen;
}

main();
