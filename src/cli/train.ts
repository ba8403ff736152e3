import { type Command, Option } from 'commander'
import type { StepAbout, TrainSummary } from '../train/run.js'
import { brokenLines, setLine } from './data-lines.js'
import { formatBytes, formatDuration, plural, printable } from './format.js'
import { ProgressLine } from './line.js'
import { bar } from './progress-lines.js'
import { drainOnSignals } from './signals.js'

const EXAMPLES = `
Examples:
  stanflow train --config src/train/recipes/motion-scenes.yaml --to runs/default --plot
  stanflow train --config msrvtt.yaml --to runs/msrvtt          # data: { kind: msrvtt, place: data/msrvtt }, see docs/training.md
  stanflow evaluate scenes/captions.jsonl --model runs/default/model

The same command goes on where the last one stopped, after Ctrl-C or kill -9 too. The folder gets a checkpoint, log.jsonl
(a line a step) and, at the end, model/. Training needs TensorFlow: npm run build:tfjs.
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
  const line = new ProgressLine(json)
  const drain = drainOnSignals(() => line.show('stopping after this step'))
  const pace = new Pace()
  try {
    const summary = await train(
      { config, to, plot },
      {
        signal: drain.signal,
        onClips: (set, done, of) =>
          line.show(`${bar(done / of, 20)} ${set}: ${done} of ${plural(of, 'clip')} made`),
        onData: ({ training, validation, notes }) => {
          line.clear()
          if (json) return
          const broken = [...(training.broken ?? []), ...(validation.broken ?? [])]
          const told = [setLine(training), setLine(validation), ...notes.map(printable)]
          for (const line of [...told, ...brokenLines(broken)]) process.stderr.write(`${line}\n`)
        },
        onFailure: (path, message) => {
          line.clear()
          if (!json) process.stderr.write(`passed over ${printable(path)}: ${printable(message)}\n`)
        },
        onStep: (about) => {
          line.show(stepLine(about, pace.secondsLeft(about)))
          if (about.scores === undefined) return
          line.clear()
          if (!json) process.stderr.write(`${scoreLine(about)}\n`)
        },
      },
    )
    line.clear()
    process.stdout.write(json ? `${JSON.stringify({ ...summary, to })}\n` : `${summaryLine(summary, to)}\n`)
  } catch (error) {
    if (!drain.signal.aborted || error !== drain.signal.reason) throw error
    process.exitCode = 130
  } finally {
    line.clear()
    drain.release()
  }
}

/** How long the rest takes at the pace of this sitting's last steps. */
class Pace {
  #seen: { total: number; ms: number }[] = []

  secondsLeft({ total, totalSteps }: StepAbout): number | undefined {
    this.#seen.push({ total, ms: performance.now() })
    this.#seen = this.#seen.slice(-50)
    const [first, last] = [this.#seen[0], this.#seen.at(-1)]
    if (first === undefined || last === undefined || last.total === first.total) return undefined
    return ((totalSteps - total) * (last.ms - first.ms)) / (last.total - first.total) / 1000
  }
}

function stepLine(
  { stage, step, steps, total, totalSteps, loss }: StepAbout,
  left: number | undefined,
): string {
  const eta = left === undefined ? '…' : formatDuration(Math.ceil(left))
  return `${bar(total / totalSteps, 20)} ${stage} ${step} of ${steps}  loss ${loss.toFixed(3)}  ETA ${eta}`
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

function scoreLine({ stage, step, scores }: StepAbout): string {
  const told = Object.entries(scores ?? {}).map(([name, score]) => `${name} ${percent(score as number)}`)
  return `${stage} ${step}: ${told.join(', ')}`
}

function summaryLine({ steps, seconds, finished, bytes }: TrainSummary, to: string): string {
  const state = finished ? 'trained' : 'stopped; run the same command again to go on:'
  return `${state} ${plural(steps, 'step')} in ${formatDuration(seconds)}, model in ${printable(to)}/model (${formatBytes(bytes)})`
}
