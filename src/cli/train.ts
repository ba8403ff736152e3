import { type Command, Option } from 'commander'
import type { StepAbout, TrainSummary } from '../train/run.js'
import { brokenLines, setLine } from './data-lines.js'
import { formatBytes, formatDuration, percent, plural, printable } from './format.js'
import { STOPPED, stoppable } from './stoppable.js'
import { resumedLine, TrainLines, waitingLine } from './train-lines.js'

const EXAMPLES = `
Examples:
  stanflow train --config src/train/recipes/motion-scenes.yaml --to runs/default --plot
  stanflow train --config msrvtt.yaml --to runs/msrvtt          # data: { kind: msrvtt, place: data/msrvtt }, see docs/training.md
  stanflow evaluate scenes/captions.jsonl --model runs/default/model

The same command goes on where the last one stopped, after Ctrl-C or kill -9 too; stopped before its end it exits with 130. The
folder gets a checkpoint, log.jsonl (a line a step) and model/, the best so far. Training needs TensorFlow: npm run build:tfjs.
`

interface Flags {
  readonly config: string
  readonly to: string
  readonly plot?: boolean | string
  readonly json?: boolean
}

export function addTrainCommand(program: Command): void {
  program
    .command('train')
    .description('train a model on motion scenes, or on a data set')
    .addOption(
      new Option('--config <file>', 'model, data and stages, see docs/training.md').makeOptionMandatory(),
    )
    .addOption(new Option('--to <folder>', 'the run: checkpoint, log, model').makeOptionMandatory())
    .addOption(
      new Option(
        '--plot [file]',
        'keep loss and scores as a picture, .svg or .png; without a name plot.svg in the folder',
      ),
    )
    .addOption(new Option('--json', 'one JSON document on stdout'))
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) => run(flags))
}

async function run({ config, to, plot = false, json = false }: Flags): Promise<void> {
  const { train } = await import('../../pipelines/train.js')
  const lines = new TrainLines()
  let took = 0
  await stoppable({ json, to }, async ({ line, signal, tell }) => {
    const summary = await train(
      { config, to, plot },
      {
        signal,
        onClips: (set, done, of) => line.show(lines.clips(set, done, of)),
        onWait: (why) => line.show(waitingLine(why)),
        onData: ({ training, validation, notes }) => {
          const broken = [...(training.broken ?? []), ...(validation.broken ?? [])]
          const told = [setLine(training), setLine(validation), ...notes.map(printable)]
          for (const line of [...told, ...brokenLines(broken)]) tell(line)
        },
        onFailure: (path, message) => tell(`passed over ${printable(path)}: ${printable(message)}`),
        onResume: (at) => tell(resumedLine(at)),
        onStep: (about) => {
          took++
          line.show(lines.step(about))
          if (about.scores !== undefined) tell(scoreLine(about))
        },
      },
    )
    const told = json ? JSON.stringify({ ...summary, to }) : summaryLine(summary, took, to)
    return { told, finished: summary.finished }
  })
}

function scoreLine({ stage, step, scores }: StepAbout): string {
  const told = Object.entries(scores ?? {}).map(([name, score]) => `${name} ${percent(score as number)}`)
  return `${stage} ${step}: ${told.join(', ')}`
}

/** `took`: steps of this sitting. */
function summaryLine({ steps, seconds, finished, bytes }: TrainSummary, took: number, to: string): string {
  const done = took > 0 ? 'trained' : 'nothing left to do: trained'
  const state = finished ? done : `${STOPPED}:`
  return `${state} ${plural(steps, 'step')} in ${formatDuration(seconds)}, model in ${printable(to)}/model (${formatBytes(bytes)})`
}
