import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { CameraSettings, Destination, IngestOptions, IngestSummary } from '../../pipelines/ingest.js'
import { type CameraDefaults, camerasOf, readCameras } from '../config/cameras.js'
import { readLabels } from '../config/labels.js'
import { limitsOf } from '../config/limits.js'
import { s3Settings, selection } from '../config/places.js'
import type { Resolved } from '../config/resolve.js'
import { readRuleSettings } from '../config/rules.js'
import type { Config, ConfigKey } from '../config/schema.js'
import { asStanflowError, StanflowError } from '../errors.js'
import type { Logger } from '../telemetry/log.js'
import { formatDuration, plural, table } from './format.js'
import { CLUSTER, kafkaOptions, keysOf } from './kafka-job.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { drainOnSignals } from './signals.js'
import { watched } from './watched.js'

const KEYS: readonly ConfigKey[] = [
  ...keysOf('Cameras', 'Model', 'Labels', 'S3', 'Events'),
  ...(['frames', 'window', 'stride', 'to', 'format', 'checkpoint'] as const),
  ...CLUSTER.filter((key) => key !== 'brokers'),
  ...(['maxPixels', 'maxMemory'] as const),
  ...(['clipsTo', 'batch', 'batchDeadline', 'listen', 'shard', 'json'] as const),
]

const EXAMPLES = `
Examples:
  stanflow ingest rtsp://10.0.0.5/cam1 --to - --labels "a person falls, an empty room"
  stanflow ingest entrance.mp4 --to - --loop
  stanflow ingest --cameras cameras.yaml --to kafka://broker:9092 --listen :9464
  stanflow ingest --cameras cameras.yaml --to s3://bucket/live --window 4s --stride 1s
  stanflow ingest --cameras cameras.yaml --to kafka://broker:9092 --split
  stanflow ingest --cameras cameras.yaml --to out --rules rules.yaml --record out/media --gate
  stanflow ingest --cameras cameras.yaml --to kafka://broker:9092 --shard 0/3

Addresses: rtsp://, rtmp://, http:// (HLS too), a device such as /dev/video0, or a file, which is played at its own speed.
--to is kafka://HOST:PORT,…, s3://BUCKET/PREFIX, a folder, or - for JSON lines. Windows of --window (default 4s) begin every
--stride (default: a quarter of it). SIGTERM lets cameras go and delivers what was cut. Passwords: in cameras.yaml by the name
of an environment variable (password-env), where no list of processes shows them. Logs are JSON lines on stderr.
`

/** How often the cameras file is looked at. */
const LOOK_MS = 1000

export function addIngestCommand(program: Command): void {
  addSettings(program.command('ingest'), KEYS)
    .description('label cameras as they run: windows of frames, embeddings, labels and events, for months')
    .argument('[addresses...]', 'of cameras')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((addresses: string[], _options, command: Command) => run(addresses, command))
}

async function run(addresses: readonly string[], command: Command): Promise<void> {
  // Whoever may list processes must not read what an address holds.
  if (addresses.some((address) => address.includes('://'))) process.title = 'stanflow ingest'
  const settings = await readSettings(command)
  const { config } = settings
  const defaults = await defaultsOf(settings)
  if ((addresses.length === 0) === (config.cameras === undefined)) {
    throw new StanflowError('USAGE_INVALID', 'Which cameras?', {
      hint: 'Name their addresses, or a file of them with --cameras, not both.',
    })
  }
  const file = config.cameras === undefined ? undefined : resolve(config.cameras)
  const share = await shareOf(config)
  const cameras = share(
    file === undefined ? camerasOf(addresses, defaults) : await readCameras(file, defaults),
  )
  const options = await optionsOf(settings, cameras)
  const { ingest } = await import('../../pipelines/ingest.js')
  const drain = drainOnSignals(() => undefined)
  try {
    const summary = await watched('ingest', config, ({ log, metrics, ready, waiting }) => {
      drain.signal.addEventListener('abort', () => log.info('draining'), { once: true })
      return ingest(options, {
        ...{ signal: drain.signal, log, metrics, onReady: ready, onWaiting: waiting },
        onLine: (line) => process.stdout.write(`${line}\n`),
        ...(file !== undefined && {
          changes: changesOf({ file, defaults, share, log, split: config.split }, drain.signal),
        }),
      })
    })
    const out = options.to.kind === 'lines' ? process.stderr : process.stdout
    out.write(`${config.json ? JSON.stringify(summary) : text(summary)}\n`)
  } finally {
    drain.release()
  }
}

/** What holds for cameras that do not say otherwise. */
async function defaultsOf({ config, origins }: Resolved): Promise<CameraDefaults> {
  const { frames, window, stride = window / 4, fps, transport, hwaccel, hwaccelDevice } = config
  const { keyframesOnly, loop, silence, frozen, gate } = config
  const { labels, prompts } = config.labels === undefined ? { labels: [] } : await readLabels(config.labels)
  return {
    ...{ frames, window, stride, transport, hwaccel, keyframesOnly, loop, silence, labels, gate },
    rules: config.rules === undefined ? [] : await readRuleSettings(config.rules),
    prompts: origins.prompts.kind === 'default' ? (prompts ?? config.prompts) : config.prompts,
    ...(fps !== undefined && { fps }),
    ...(hwaccelDevice !== undefined && { hwaccelDevice }),
    ...(frozen !== undefined && { frozen }),
  }
}

async function optionsOf(settings: Resolved, cameras: readonly CameraSettings[]): Promise<IngestOptions> {
  const { config, origins } = settings
  const { model, branch, structure, engine, device, deviceId, precision, calibration } = config
  checkRules(cameras, config.split)
  return {
    ...{ cameras, model, structure, engine, device, precision, top: config.top },
    ...(branch !== undefined && { branch }),
    ...(deviceId !== undefined && { deviceId }),
    ...(calibration !== undefined && { calibration }),
    to: await destinationOf(settings),
    // Large batches make clips wait.
    batch: origins.batch.kind === 'default' ? Math.min(4, config.batch) : config.batch,
    batchDeadline: origins.batchDeadline.kind === 'default' ? 0.02 : config.batchDeadline,
    checkpointSeconds: config.checkpoint,
    s3: s3Settings(config),
    limits: limitsOf(config),
    side: config.clipSize,
    ...(config.record !== undefined && { record: config.record }),
  }
}

/** @throws StanflowError USAGE_INVALID */
function checkRules(cameras: readonly CameraSettings[], split: boolean): void {
  const ruled = cameras.filter(({ rules }) => rules.length > 0)
  if (split && ruled.length > 0) {
    throw new StanflowError(
      'USAGE_INVALID',
      'With --split, labels are not known here, so rules mean nothing.',
      {
        hint: 'Give the rules to `stanflow rules`, which reads the labels of all cameras.',
      },
    )
  }
  const without = ruled.find(({ labels }) => labels.length === 0)
  if (without !== undefined) {
    throw new StanflowError('USAGE_INVALID', `Camera ${without.id} has rules, but no labels.`, {
      hint: 'Add --labels, or labels in the cameras file.',
    })
  }
}

async function destinationOf({ config }: Resolved): Promise<Destination> {
  const { to, split, format, clipsTo: place, clipQuality: quality } = config
  if (to === undefined) {
    throw new StanflowError('USAGE_INVALID', 'Where do results go?', {
      hint: 'Add --to - for this terminal, --to out for a folder, or --to kafka://127.0.0.1:9092.',
    })
  }
  if (to.startsWith('kafka://')) {
    const kafka = await kafkaOptions({ ...config, brokers: to.slice('kafka://'.length).replace(/\/$/, '') })
    if (!split) return { kind: 'kafka', ...kafka }
    return { kind: 'clips', ...kafka, quality, ...(place !== undefined && { place }) }
  }
  if (split) {
    throw new StanflowError('USAGE_INVALID', '--split sends pictures to a topic.', {
      hint: 'Give --to kafka://HOST:PORT.',
    })
  }
  return to === '-' ? { kind: 'lines' } : { kind: 'place', place: to, format }
}

type Share = (cameras: readonly CameraSettings[]) => readonly CameraSettings[]

/** Those of the cameras that are this run's, by their ids. */
async function shareOf(config: Config): Promise<Share> {
  const { shard } = selection(config)
  if (shard === undefined) return (cameras) => cameras
  const { shardByDraw } = await import('../../pipelines/selection.js')
  return (cameras) => cameras.filter(({ id }) => shardByDraw(id, shard.of) === shard.index)
}

interface CamerasFile {
  readonly file: string
  readonly defaults: CameraDefaults
  readonly share: Share
  readonly split: boolean
  readonly log: Logger
}

/** The cameras of the file, whenever it changes; a file that is not understood changes nothing. */
async function* changesOf(
  { file, defaults, share, log, split }: CamerasFile,
  signal: AbortSignal,
): AsyncGenerator<readonly CameraSettings[]> {
  const digest = async (): Promise<string> =>
    readFile(file).then(
      (bytes) => createHash('sha256').update(bytes).digest('hex'),
      () => '',
    )
  let known = await digest()
  while (!signal.aborted) {
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined)
    const now = await digest()
    if (now === known || signal.aborted) continue
    known = now
    try {
      const cameras = share(await readCameras(file, defaults))
      checkRules(cameras, split)
      log.info({ cameras: cameras.length }, 'the cameras file changed')
      yield cameras
    } catch (error) {
      const { code, message } = asStanflowError(error)
      log.error(
        { code, reason: message },
        'the cameras file changed and is not to be followed: cameras stay as they are',
      )
    }
  }
}

function text({ cameras, seconds, notes }: IngestSummary): string {
  const head = ['camera', 'frames', 'clips', 'delivered', 'dropped', 'still', 'widened', 'drops']
  const rows = cameras.map((one) =>
    [one.camera, one.frames, one.cut, one.delivered, one.dropped, one.still, one.widened, one.drops].map(
      String,
    ),
  )
  const lines = table([head, ...rows], [1, 2, 3, 4, 5, 6, 7])
  return [
    `${formatDuration(seconds)}, ${plural(cameras.length, 'camera')}`,
    ...lines,
    ...notes.map((note) => `note: ${note}`),
  ].join('\n')
}
