import type { Command } from 'commander'
import type { ConsumeOptions, ConsumeSummary } from '../../pipelines/consume.js'
import type { ConfigKey } from '../config/schema.js'
import { formatDuration, plural } from './format.js'
import { modelJob } from './job.js'
import { CLUSTER, kafkaOptions, keysOf } from './kafka-job.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { drainOnSignals } from './signals.js'
import { watched } from './watched.js'

const KEYS: readonly ConfigKey[] = [
  ...[...CLUSTER, ...keysOf('Model', 'Limits', 'Clips', 'Labels', 'S3')],
  ...(['group', 'sessionTimeout', 'attempts', 'patience', 'batchDeadline'] as const),
  ...(['batch', 'concurrency', 'reader', 'listen', 'json'] as const),
]

const EXAMPLES = `
Examples:
  stanflow consume --labels "a person falls, an empty room"
  stanflow consume --brokers kafka:9092 --model ~/models/clip-vit-base-patch32 --batch 32 --listen 0.0.0.0:9464
  stanflow consume --registry http://registry:8081 --sasl scram-sha-256 --sasl-username stanflow --tls

Run as many as there are partitions: they share the work. SIGTERM finishes what is in flight and commits it; a process
that is killed loses nothing and doubles nothing. Logs are JSON lines on stderr (STANFLOW_LOG_LEVEL=debug: every clip).
`

export function addConsumeCommand(program: Command): void {
  addSettings(program.command('consume'), KEYS)
    .description('embed the videos and clips of their topics, exactly once')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => run(command))
}

async function run(command: Command): Promise<void> {
  const settings = await readSettings(command)
  const { config } = settings
  const { prefix, sessionTimeout, attempts, patience, batchDeadline } = config
  const { consume } = await import('../../pipelines/consume.js')
  const { groupName } = await import('../../pipelines/kafka.js')
  const options: ConsumeOptions = {
    ...(await modelJob(settings)),
    ...(await kafkaOptions(config)),
    ...{ group: config.group ?? groupName(prefix, 'consume'), sessionTimeout, batchDeadline },
    ...{ attempts, patience },
  }
  const drain = drainOnSignals(() => undefined)
  try {
    const summary = await watched('consume', config, ({ log, metrics, ready, waiting }) => {
      drain.signal.addEventListener('abort', () => log.info('draining'), { once: true })
      return consume(options, { signal: drain.signal, log, metrics, onReady: ready, onWaiting: waiting })
    })
    process.stdout.write(`${config.json ? JSON.stringify(summary) : text(summary)}\n`)
  } finally {
    drain.release()
  }
}

function text({ inputs, clips, deadLetters, seconds, notes }: ConsumeSummary): string {
  const counts = [plural(inputs, 'input'), plural(clips, 'clip'), plural(deadLetters, 'dead letter')]
  return [`${formatDuration(seconds)}: ${counts.join(', ')}`, ...notes.map((note) => `note: ${note}`)].join(
    '\n',
  )
}
