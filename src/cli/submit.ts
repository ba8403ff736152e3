import { type Command, Option } from 'commander'
import type { SubmitOptions, SubmitSummary } from '../../pipelines/submit.js'
import { s3Settings, selection } from '../config/places.js'
import type { Resolved } from '../config/resolve.js'
import type { ConfigKey } from '../config/schema.js'
import type { Sampling } from '../domain.js'
import { startTracing } from '../telemetry/trace.js'
import { plural, printable } from './format.js'
import { CLUSTER, kafkaOptions, keysOf } from './kafka-job.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { drainOnSignals } from './signals.js'

const SAMPLING: readonly ConfigKey[] = ['sample', 'frames', 'window', 'stride']
const KEYS: readonly ConfigKey[] = [
  ...CLUSTER,
  ...SAMPLING,
  ...keysOf('Videos', 'S3'),
  'root',
  'json',
  'strict',
  'dryRun',
]

const EXAMPLES = `
Examples:
  stanflow submit videos/
  stanflow submit "archive/**/*.mp4" --brokers kafka:9092 --root archive
  stanflow submit s3://archive/cameras/ --since 36h --sample window --window 4s

Consumers read the videos themselves, so paths must mean the same to them. What was submitted before and has not
changed is passed over, so the same command can run every night.
`

export function addSubmitCommand(program: Command): void {
  const again = new Option('--again', 'submit what was submitted before too; its results will come twice')
  addSettings(program.command('submit').addOption(again.helpGroup('Run:')), KEYS)
    .description('ask for videos to be embedded, by way of Kafka')
    .argument('<inputs...>', 'videos, folders, globs, s3:// URIs, .txt and .jsonl lists')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((inputs: string[], _options, command: Command) => run(inputs, command))
}

async function run(inputs: readonly string[], command: Command): Promise<void> {
  const settings = await readSettings(command)
  const { config } = settings
  const { root, maxVideos, dryRun, json, strict } = config
  const options: SubmitOptions = {
    ...(await kafkaOptions(config)),
    ...{ inputs, dryRun, again: command.opts().again === true },
    ...{ s3: s3Settings(config), selection: selection(config) },
    ...(root !== undefined && { root }),
    ...(maxVideos !== undefined && { maxVideos }),
    ...samplingOf(settings),
  }
  const drain = drainOnSignals(() => undefined)
  const flush = await startTracing()
  try {
    const { submit } = await import('../../pipelines/submit.js')
    const summary = await submit(options, {
      signal: drain.signal,
      onSubmitted: ({ source, request_id: id }) => {
        if (!json)
          process.stdout.write(`${dryRun ? 'would submit' : 'submitted'} ${printable(source)} as ${id}\n`)
      },
      onFailed: ({ source, error }) => {
        if (!json)
          process.stderr.write(`error ${error.code}: ${printable(source)}: ${printable(error.message)}\n`)
      },
    })
    process.stdout.write(`${json ? JSON.stringify({ ...summary, dryRun }) : text(summary)}\n`)
    const nothing = summary.found > 0 && summary.failed.length === summary.found
    if (nothing || (strict && summary.failed.length > 0)) process.exitCode = 1
  } finally {
    drain.release()
    await flush().catch(() => undefined)
  }
}

/** How clips are cut is the consumers' matter, unless it is said here. */
function samplingOf({ config, origins }: Resolved): { sampling?: Sampling } {
  if (SAMPLING.every((key) => origins[key].kind === 'default')) return {}
  const { sample: kind, frames, window: length, stride = length } = config
  return { sampling: kind === 'uniform' ? { kind, frames } : { kind, frames, length, stride } }
}

function text({ submitted, skipped, failed }: SubmitSummary): string {
  return `${plural(submitted, 'video')} submitted, ${skipped} submitted before, ${failed.length} failed`
}
