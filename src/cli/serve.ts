import type { Command } from 'commander'
import type { ServeOptions, Serving } from '../../pipelines/serve.js'
import { receivers } from '../config/alerts.js'
import { s3Settings } from '../config/places.js'
import type { ConfigKey } from '../config/schema.js'
import { StanflowError } from '../errors.js'
import { printable } from './format.js'
import { CLUSTER, kafkaOptions, keysOf } from './kafka-job.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { drainOnSignals } from './signals.js'
import { watched } from './watched.js'

/** How the model is run that makes vectors of words; by default the index's own. */
const MODEL: readonly ConfigKey[] = [
  'model',
  'branch',
  'structure',
  'engine',
  'device',
  'deviceId',
  'precision',
]
const KEYS: readonly ConfigKey[] = [
  ...MODEL,
  'index',
  ...keysOf('Server').filter((key) => key !== 'accessToken'),
  ...[...CLUSTER, ...keysOf('S3'), ...keysOf('Alerts')],
  ...(['listen', 'json'] as const),
]

const EXAMPLES = `
Examples:
  stanflow serve out
  stanflow serve out --media /archive/videos
  stanflow serve s3://results/nightly --index s3://results/index --media s3://videos
  stanflow serve out --brokers kafka:9092 --listen 127.0.0.1:9464
  stanflow serve --brokers kafka:9092 --alerts alerts.yaml
  STANFLOW_ACCESS_TOKEN=… stanflow serve s3://results/nightly --host 0.0.0.0 --allow-host videos.example.org

The page is at http://127.0.0.1:4650, for this machine only. With another --host a token is asked for; where none is
given one is made and printed. Logs are JSON lines on stderr. SIGTERM ends it in order. See docs/serve.md.
`

export function addServeCommand(program: Command): void {
  addSettings(program.command('serve'), KEYS)
    .description('a page to search, play and watch: stored results, and with --brokers live cameras')
    .argument('[results]', 'the folder or s3:// prefix that backfill was given as --to')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((results: string | undefined, _options, command: Command) => run(results, command))
}

async function run(results: string | undefined, command: Command): Promise<void> {
  const { config, origins } = await readSettings(command)
  const { host, port, accessToken, accessTokenFile, allowHost, trustProxy, media, quietAfter } = config
  const options: ServeOptions = {
    ...{ host, port, allowHosts: allowHost, trustProxy, media, quietAfter, s3: s3Settings(config) },
    ...(results !== undefined && { results }),
    search: {
      ...(config.index !== undefined && { index: config.index }),
      model: Object.fromEntries(
        MODEL.filter((key) => origins[key].kind !== 'default').map((key) => [key, config[key]]),
      ),
    },
    // Nobody is to wait for a broker that was not asked for.
    ...(origins.brokers.kind !== 'default' && { kafka: await kafkaOptions(config) }),
    ...(accessToken !== undefined && { token: accessToken }),
    ...(accessTokenFile !== undefined && { tokenFile: accessTokenFile }),
  }
  const told = await receivers(config, process.env)
  if (told.length > 0 && options.kafka === undefined) {
    throw new StanflowError('USAGE_INVALID', 'Webhooks are told of events, which come from a broker.', {
      hint: 'Add --brokers host:9092.',
    })
  }
  const { serve } = await import('../../pipelines/serve.js')
  const drain = drainOnSignals(() => undefined)
  try {
    await watched('serve', config, ({ log, metrics, ready }) =>
      serve(
        { ...options, receivers: told, webhookTries: config.webhookTries },
        {
          ...{ signal: drain.signal, log, metrics },
          onServing: (serving) => {
            process.stdout.write(`${config.json ? JSON.stringify(serving) : text(serving)}\n`)
            ready()
          },
        },
      ),
    )
  } finally {
    drain.release()
  }
}

function text({ address, madeToken, notes }: Serving): string {
  // After #, where it is part of no request and so of no log.
  const link = madeToken === undefined ? `${address}/` : `${address}/#token=${madeToken}`
  return [`serving ${link}`, ...notes.map((note) => printable(`note: ${note}`))].join('\n')
}
