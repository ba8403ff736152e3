import { type Command, InvalidArgumentError, Option } from 'commander'
import type { IndexOptions, IndexSummary } from '../../pipelines/index-moments.js'
import { s3Settings } from '../config/places.js'
import type { ConfigKey } from '../config/schema.js'
import { StanflowError } from '../errors.js'
import { formatCount, plural, printable } from './format.js'
import { CLUSTER, keysOf } from './kafka-job.js'
import { ProgressLine } from './line.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { drainOnSignals } from './signals.js'

const KEYS: readonly ConfigKey[] = [
  ...[...CLUSTER, ...keysOf('S3')],
  ...(['listen', 'sessionTimeout', 'json'] as const),
]

const EXAMPLES = `
Examples:
  stanflow index --from out --to index
  stanflow index --from s3://results/archive --to s3://results/index
  stanflow search "a red ball falls" --index index

Run again, it takes in what is new. A clip is in the index once, whoever is killed when.
`

export function addIndexCommand(program: Command): void {
  const index = program
    .command('index')
    .addOption(
      new Option('--from <place>', 'results: what backfill or archive was given as --to').helpGroup('Index:'),
    )
    .addOption(new Option('--to <place>', 'the index: a folder, or s3://bucket/prefix').helpGroup('Index:'))
    .addOption(
      new Option('--digest <hex>', 'only results of the model whose digest begins so').helpGroup('Index:'),
    )
    .addOption(
      new Option('--beside', 'a model that the index has not got is kept beside the others').helpGroup(
        'Index:',
      ),
    )
    .addOption(
      new Option('--keep <age>', 'drop clips older than that, such as 30d')
        .argParser(age)
        .helpGroup('Index:'),
    )
  addSettings(index, KEYS)
    .description('an index of moments out of results, for `stanflow search`')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => run(command))
}

const SECONDS_IN = { m: 60, h: 3600, d: 86_400, w: 604_800 }

function age(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([mhdw])$/.exec(text) ?? []
  if (amount === undefined) throw new InvalidArgumentError('It must be a length of time, such as 12h or 30d.')
  return Number(amount) * SECONDS_IN[unit as keyof typeof SECONDS_IN]
}

interface Flags {
  readonly from?: string
  readonly to?: string
  readonly digest?: string
  readonly beside?: boolean
  readonly keep?: number
}

async function run(command: Command): Promise<void> {
  const { config } = await readSettings(command, ['to'])
  const { from, to = config.index, digest, beside = false, keep } = command.opts<Flags>()
  if (from === undefined || to === undefined) {
    throw new StanflowError('USAGE_INVALID', `There is no ${from === undefined ? 'input' : 'index'}.`, {
      hint: 'stanflow index --from OUT --to INDEX',
    })
  }
  const options: IndexOptions = {
    ...{ from, to, beside, s3: s3Settings(config) },
    ...(digest !== undefined && { digest }),
    ...(keep !== undefined && { keep }),
  }
  const { indexMoments } = await import('../../pipelines/index-moments.js')
  const line = new ProgressLine(config.json)
  const drain = drainOnSignals(() => line.show('stopping'))
  try {
    const summary = await indexMoments(options, {
      signal: drain.signal,
      onProgress: ({ clips, read, of }) =>
        line.show(
          `${formatCount(clips)} clips, ${formatCount(read)}${of === undefined ? '' : ` of ${of}`} read`,
        ),
    })
    line.clear()
    process.stdout.write(`${config.json ? JSON.stringify(summary) : text(summary)}\n`)
  } finally {
    line.clear()
    drain.release()
  }
}

function text({ to, clips, added, changed, removed, drained }: IndexSummary): string {
  const counts = [`${formatCount(added)} new`]
  if (changed > 0) counts.push(`${formatCount(changed)} with new labels`)
  if (removed > 0) counts.push(`${formatCount(removed)} removed`)
  const ended = drained ? '; stopped before the end, the same command goes on' : ''
  return `${printable(to)}: ${plural(clips, 'clip')}, ${counts.join(', ')}${ended}`
}
