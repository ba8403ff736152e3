import { type Command, InvalidArgumentError, Option } from 'commander'
import { ENGINE_NAMES, type EngineName } from '../../engine/engine.js'
import { plural, printable } from '../format.js'
import { drainOnSignals, endStopped } from '../signals.js'

const EXAMPLES = `
Examples:
  stanflow models calibrate videos/ --model models/stan-b32 --to ranges.json
  stanflow backfill videos/ --to out --model models/stan-b32 --precision int8 --calibration ranges.json

Measures what goes into the model's linear layers on videos like yours, one clip of each, and writes the ranges that int8 needs.
Layers that int8 would harm most stay in floating point until the embeddings are as near to fp32 as --min-cosine asks. The file
goes with this very model; other weights need another one.
`

interface Flags {
  readonly to: string
  readonly model: string
  readonly branch?: string
  readonly structure: string
  readonly frames: number
  readonly videos: number
  readonly minCosine: number
  readonly engine: 'auto' | EngineName
  readonly json?: boolean
}

export function addCalibrateCommand(models: Command): void {
  models
    .command('calibrate')
    .description('measure activation ranges for --precision int8 on your own videos')
    .argument('<videos...>', 'files, folders, globs, lists, or s3:// URIs')
    .addOption(new Option('--to <file>', 'the file to write').makeOptionMandatory())
    .option('--model <model>', 'as for backfill', 'default')
    .option('--branch <file>', 'weights of the temporal branch')
    .option('--structure <name>', 'as for backfill', 'auto')
    .option('--frames <n>', 'frames in a clip', number(2, 64), 12)
    .option('--videos <n>', 'how many videos are looked at', number(1, 10_000), 32)
    .option('--min-cosine <x>', 'median cosine to fp32 to reach', number(0, 1), 0.999)
    .addOption(
      new Option('--engine <name>', 'what will compute with the ranges')
        .choices(['auto', ...ENGINE_NAMES])
        .default('auto'),
    )
    .option('--json', 'print the outcome as JSON')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

const number =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`It is a number from ${min} to ${max}.`)
    return value
  }

async function run(inputs: readonly string[], { json = false, ...flags }: Flags): Promise<void> {
  const { calibrateOnVideos } = await import('../../../pipelines/calibrate.js')
  const note = (step: string): void => {
    process.stderr.write(json ? `${JSON.stringify({ event: 'note', note: step })}\n` : `${printable(step)}\n`)
  }
  const drain = drainOnSignals(
    () => note('stopping; nothing is written'),
    () => undefined,
  )
  try {
    const options = { ...flags, inputs, reader: 'auto' } as const
    const summary = await calibrateOnVideos(options, { onStep: note, signal: drain.signal })
    const { to, videos, engine, drift, layers } = summary
    const sentence = [
      `written: ${printable(to)}, measured on ${plural(videos, 'video')} with ${engine}`,
      `  ${layers.int8} layers in int8, ${layers.float} in floating point`,
      `  cosine to fp32 on the same clips: median ${drift.median.toFixed(5)}, least ${drift.min.toFixed(5)}`,
      `use it with --precision int8 --calibration ${printable(to)}`,
    ].join('\n')
    process.stdout.write(`${json ? JSON.stringify(summary) : sentence}\n`)
  } catch (error) {
    endStopped(error, drain.signal)
  } finally {
    drain.release()
  }
}
