import { type Command, Option } from 'commander'
import { outcomeTable } from '../train/ablation.js'
import { printable, table } from './format.js'
import { STOPPED, stoppable } from './stoppable.js'
import { resumedLine, TrainLines, waitingLine } from './train-lines.js'

const EXAMPLES = `
Examples:
  stanflow ablate --config src/train/recipes/structures.yaml --to runs/structures
  stanflow ablate --config src/train/recipes/ablations.yaml --to runs/ablations --trunk runs/structures/trunk/checkpoint.safetensors

The same command goes on where the last one stopped; what is finished is not done again. Training needs TensorFlow:
npm run build:tfjs.
`

interface Flags {
  readonly config: string
  readonly to: string
  readonly trunk?: string
  readonly json?: boolean
}

export function addAblateCommand(program: Command): void {
  program
    .command('ablate')
    .description('train structures alike, several seeds each, and compare them on the test split')
    .addOption(
      new Option(
        '--config <file>',
        'trunk, stages, variants and seeds, see docs/ablations.md',
      ).makeOptionMandatory(),
    )
    .addOption(
      new Option('--to <folder>', 'clips and a run for every variant and seed').makeOptionMandatory(),
    )
    .addOption(new Option('--trunk <checkpoint>', "begin with this run's CLIP instead of training one"))
    .addOption(new Option('--json', 'one JSON document on stdout'))
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) => run(flags))
}

async function run({ config, to, trunk, json = false }: Flags): Promise<void> {
  const { ablate } = await import('../../pipelines/ablate.js')
  const lines = new TrainLines()
  await stoppable({ json, to }, async ({ line, signal, tell }) => {
    const { outcomes, finished } = await ablate(
      { config, to, ...(trunk !== undefined && { trunk }) },
      {
        signal,
        onClips: (set, done, of) => line.show(lines.clips(set, done, of)),
        onResume: (name, at) => tell(`${printable(name)}: ${resumedLine(at)}`),
        onWait: (why) => line.show(waitingLine(why)),
        onStep: (name, about) => line.show(lines.step(about, name)),
        onTrial: (name, trial) => tell(lines.trial(name, trial)),
      },
    )
    if (json) return { told: JSON.stringify({ outcomes, finished, to }), finished }
    const rows = table(outcomeTable(outcomes), [1, 2, 3, 4, 5, 6])
    const stopped = finished ? [] : [`${STOPPED}: ${printable(to)}`]
    return { told: [...rows, ...stopped].join('\n'), finished }
  })
}
