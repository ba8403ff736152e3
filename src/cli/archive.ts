import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ArchiveOptions, ArchiveSummary } from '../../pipelines/archive.js'
import { s3Settings } from '../config/places.js'
import type { ConfigKey } from '../config/schema.js'
import { StanflowError } from '../errors.js'
import { plural, printable } from './format.js'
import { CLUSTER, kafkaOptions, keysOf } from './kafka-job.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { drainOnSignals } from './signals.js'
import { watched } from './watched.js'

const KEYS: readonly ConfigKey[] = [
  ...[...CLUSTER, ...keysOf('S3')],
  ...(['group', 'sessionTimeout', 'rollRecords', 'rollTime', 'listen', 'to', 'json'] as const),
]

const EXAMPLES = `
Examples:
  stanflow archive --to s3://results/archive
  stanflow archive --to /data/archive --roll-time 1h --listen 127.0.0.1:9465
  stanflow archive --to out --until-quiet 5

Writes Parquet as \`stanflow backfill\` does. Every record is in exactly one file, whoever is killed when: a file's name is
its first record's offset, and files are never changed.
`

export function addArchiveCommand(program: Command): void {
  const quiet = new Option('--until-quiet <seconds>', 'end once nothing new has come for so long').argParser(
    (text) => {
      if (!(Number(text) > 0)) throw new InvalidArgumentError('It must be a number of seconds.')
      return Number(text)
    },
  )
  addSettings(program.command('archive').addOption(quiet.helpGroup('Run:')), KEYS)
    .description('keep the results of their topics as Parquet, in a folder or a bucket')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => run(command))
}

async function run(command: Command): Promise<void> {
  const { config } = await readSettings(command)
  const { to, prefix, rollRecords, rollTime, sessionTimeout } = config
  const { untilQuiet } = command.opts<{ untilQuiet?: number }>()
  if (to === undefined) {
    throw new StanflowError('USAGE_INVALID', 'There is no place for the archive.', {
      hint: 'Add --to FOLDER or --to s3://BUCKET/PREFIX.',
    })
  }
  const { archive } = await import('../../pipelines/archive.js')
  const { groupName } = await import('../../pipelines/kafka.js')
  const options: ArchiveOptions = {
    ...(await kafkaOptions(config)),
    ...{ to, rollRecords, rollTime, sessionTimeout, s3: s3Settings(config) },
    group: config.group ?? groupName(prefix, 'archive'),
    ...(untilQuiet !== undefined && { untilQuiet }),
  }
  const drain = drainOnSignals(() => undefined)
  try {
    const summary = await watched('archive', config, ({ log, metrics, ready, waiting }) =>
      archive(options, { signal: drain.signal, log, metrics, onReady: ready, onWaiting: waiting }),
    )
    process.stdout.write(`${config.json ? JSON.stringify(summary) : text(summary)}\n`)
  } finally {
    drain.release()
  }
}

function text({ to, records, files, found, deadLetters }: ArchiveSummary): string {
  const counts = [plural(records, 'record'), plural(files, 'file'), `${found} written before`]
  if (deadLetters > 0) counts.push(plural(deadLetters, 'dead letter'))
  return `${printable(to)}: ${counts.join(', ')}`
}
