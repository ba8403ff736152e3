import { type Command, Option } from 'commander'
import type { IndexOptions, IndexSummary } from '../../pipelines/index-moments.js'
import { s3Settings } from '../config/places.js'
import type { Config, ConfigKey } from '../config/schema.js'
import { StanflowError } from '../errors.js'
import { formatCount, plural, printable } from './format.js'
import { addUpkeepCommands } from './index-upkeep.js'
import { CLUSTER, kafkaOptions, keysOf } from './kafka-job.js'
import { ProgressLine } from './line.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { drainOnSignals } from './signals.js'
import { age, secondsOf } from './times.js'
import { watched } from './watched.js'

const KEYS: readonly ConfigKey[] = [...CLUSTER, ...keysOf('S3'), 'listen', 'json']

const EXAMPLES = `
Examples:
  stanflow index --from out --to index
  stanflow index --from s3://results/archive --to s3://results/index
  stanflow index --from kafka:// --to index --keep 30d --listen 127.0.0.1:9466
  stanflow index --from kafka://broker:9092 --to index --until-quiet 5
  stanflow index delete --source "camera:hall-*" --to index
  stanflow index models --to index

Run again, it takes in what is new. A clip is in the index once, whoever is killed when. From Kafka it follows what comes
until it is stopped. See docs/search.md.
`

export function addIndexCommand(program: Command): void {
  const option = (flags: string, about: string): Option => new Option(flags, about).helpGroup('Index:')
  const index = program
    .command('index')
    .addOption(option('--from <place>', 'what backfill or archive was given as --to, or kafka://'))
    .addOption(option('--to <place>', 'the index: a folder (made if missing), or s3://bucket/prefix'))
    .addOption(option('--digest <hex>', 'only results of the model whose digest begins so'))
    .addOption(option('--beside', 'keep a model that the index has not got beside those it has'))
    .addOption(
      option('--keep-frames', 'take in the vectors of frames that backfill kept, for search --rerank'),
    )
    .addOption(option('--keep <age>', 'drop clips once they are older than that, such as 30d').argParser(age))
    .addOption(
      option('--until-quiet <seconds>', 'from Kafka: end once nothing new has come for so long').argParser(
        secondsOf,
      ),
    )
  addSettings(index, KEYS)
    .description('an index of moments out of results, for `stanflow search`')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => run(command))
  addUpkeepCommands(index)
}

interface Flags {
  readonly from?: string
  readonly to?: string
  readonly digest?: string
  readonly beside?: boolean
  readonly keepFrames?: boolean
  readonly keep?: number
  readonly untilQuiet?: number
}

async function run(command: Command): Promise<void> {
  const { config } = await readSettings(command, ['to'])
  const {
    from,
    to = config.index,
    digest,
    beside = false,
    keepFrames = false,
    keep,
    untilQuiet,
  } = command.opts<Flags>()
  if (from === undefined || to === undefined) {
    throw new StanflowError('USAGE_INVALID', `There is no ${from === undefined ? 'input' : 'index'}.`, {
      hint: 'stanflow index --from OUT --to INDEX',
    })
  }
  const options: IndexOptions = {
    ...{ from, to, beside, keepFrames, s3: s3Settings(config) },
    ...(digest !== undefined && { digest }),
    ...(keep !== undefined && { keep }),
    ...(untilQuiet !== undefined && { untilQuiet }),
  }
  const summary = /^kafka:\/\//i.test(from) ? await follow(options, config) : await once(options, config)
  process.stdout.write(`${config.json ? JSON.stringify(summary) : text(summary, keepFrames)}\n`)
}

async function follow(options: IndexOptions, config: Config): Promise<IndexSummary> {
  const named = options.from.replace(/^kafka:\/\//i, '').replace(/\/$/, '')
  const kafka = await kafkaOptions(named === '' ? config : { ...config, brokers: named })
  const { indexMoments } = await import('../../pipelines/index-moments.js')
  const drain = drainOnSignals(() => undefined)
  try {
    return await watched(
      'index',
      config,
      ({ log, metrics, ready, waiting }) => {
        const hooks = { signal: drain.signal, log, metrics, onReady: ready, onWaiting: waiting }
        return indexMoments({ ...options, kafka }, hooks)
      },
      [options.to],
    )
  } finally {
    drain.release()
  }
}

async function once(options: IndexOptions, config: Config): Promise<IndexSummary> {
  const { indexMoments } = await import('../../pipelines/index-moments.js')
  const line = new ProgressLine(config.json)
  const drain = drainOnSignals(() => line.show('stopping after this part'))
  try {
    return await indexMoments(options, {
      signal: drain.signal,
      onProgress: ({ clips, read, of }) => line.show(`${plural(clips, 'clip')} new, ${read} of ${of} read`),
    })
  } finally {
    line.end()
    drain.release()
  }
}

function text(
  { to, clips, framed, added, changed, removed, unreadable, drained }: IndexSummary,
  keepFrames: boolean,
): string {
  const counts = [`${formatCount(added)} new`]
  if (changed > 0) counts.push(`${formatCount(changed)} with new labels`)
  if (removed > 0) counts.push(`${formatCount(removed)} removed`)
  if (unreadable > 0) counts.push(`${plural(unreadable, 'record')} unreadable`)
  if (keepFrames)
    counts.push(
      `${formatCount(framed)} with frame vectors${framed === 0 ? ' (backfill --keep-frames keeps them)' : ''}`,
    )
  const ended = drained ? '; stopped, the same command goes on' : ''
  return `${printable(to)}: ${plural(clips, 'clip')}, ${counts.join(', ')}${ended}`
}
