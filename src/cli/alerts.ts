import { type Command, Option } from 'commander'
import { receivers } from '../config/alerts.js'
import type { ConfigKey } from '../config/schema.js'
import { StanflowError } from '../errors.js'
import { plural } from './format.js'
import { CLUSTER, kafkaOptions, keysOf } from './kafka-job.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { drainOnSignals } from './signals.js'
import { watched } from './watched.js'

const KEYS: readonly ConfigKey[] = [
  ...keysOf('Alerts'),
  ...CLUSTER,
  ...(['group', 'sessionTimeout', 'listen', 'json'] as const),
]

const EXAMPLES = `
Examples:
  export STANFLOW_WEBHOOK_SECRET="whsec_$(openssl rand -base64 32)"
  stanflow alerts --brokers kafka:9092 --webhook https://example.org/hooks/stanflow
  stanflow alerts --alerts alerts.yaml --listen 127.0.0.1:9465
  stanflow alerts --webhook http://192.168.1.20:8080/in --webhook-private

Every event reaches every receiver at least once, in order per camera, signed as Standard Webhooks has it, with its event
id as Idempotency-Key. One that is not taken is tried again, then goes to the dead letters; \`stanflow retry\` sends it to that
receiver again. SIGTERM ends it in order; it goes on where it stood. See docs/alerts.md.
`

export function addAlertsCommand(program: Command): void {
  const from = new Option('--from <where>', 'where a new receiver begins')
    .choices(['now', 'beginning'])
    .default('now')
    .helpGroup('Alerts:')
  addSettings(program.command('alerts').addOption(from), KEYS)
    .description('tell webhooks of events: rules that open and close, cameras that come and go')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => run(command))
}

async function run(command: Command): Promise<void> {
  const { config } = await readSettings(command, ['from'])
  const { from } = command.opts<{ from: 'now' | 'beginning' }>()
  const told = await receivers(config, process.env)
  if (told.length === 0) {
    throw new StanflowError('USAGE_INVALID', 'There is nobody to tell.', {
      hint: 'Add --webhook URL, or --alerts FILE.',
    })
  }
  const { alerts } = await import('../../pipelines/alerts.js')
  const drain = drainOnSignals(() => undefined)
  try {
    const options = {
      ...(await kafkaOptions(config)),
      ...{ receivers: told, from, tries: config.webhookTries, sessionTimeout: config.sessionTimeout },
      ...(config.group !== undefined && { group: config.group }),
    }
    const summary = await watched('alerts', config, ({ log, metrics, ready, waiting }) =>
      alerts(options, { signal: drain.signal, log, metrics, onReady: ready, onWaiting: waiting }),
    )
    const { taken, failed, deadLetters } = summary
    const text = `${plural(taken, 'event')} delivered, ${failed} failed tries, ${plural(deadLetters, 'dead letter')}`
    process.stdout.write(`${config.json ? JSON.stringify(summary) : text}\n`)
  } finally {
    drain.release()
  }
}
