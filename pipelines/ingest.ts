import { setTimeout as sleep } from 'node:timers/promises'
import { Budget } from '../operators/index.js'
import { asStanflowError, StanflowError } from '../src/errors.js'
import { type FfmpegPrograms, findFfmpeg } from '../src/media/ffmpeg/find.js'
import { checkHwaccel } from '../src/media/live/hwaccel.js'
import { type Logger, silentLog } from '../src/telemetry/log.js'
import { Metrics } from '../src/telemetry/metrics.js'
import { CameraRules } from './ingest/camera-rules.js'
import { openDestination } from './ingest/destination.js'
import { IngestJob } from './ingest/job.js'
import { Models } from './ingest/models.js'
import type {
  CameraSettings,
  IngestHooks,
  IngestOptions,
  IngestSummary,
  OpenParts,
} from './ingest/options.js'
import { RuleStates } from './ingest/rule-states.js'
import { modelName, modelNotes } from './open-model.js'
import { Places } from './places.js'

export type * from './ingest/options.js'

/** Cameras in, labelled clips and events out, until the signal, or until every input that has an end is through. */
export async function ingest(options: IngestOptions, hooks: IngestHooks = {}): Promise<IngestSummary> {
  const started = performance.now()
  const { log = silentLog(), metrics = new Metrics({ process: false }), onLine = () => undefined } = hooks
  const giveUp = new AbortController()
  const closing: (() => Promise<unknown>)[] = []
  const programs = await findFfmpeg()
  if (programs === undefined) {
    throw new StanflowError('READER_MISSING', 'Cameras are played with ffmpeg, which was not found.', {
      hint: 'Install ffmpeg (apt-get install ffmpeg) or set FFMPEG_PATH.',
    })
  }
  // Before anything that takes long.
  await checkAccelerators(programs, options.cameras)
  try {
    const models = new Models(options)
    closing.push(() => models.close())
    const isSplit = options.to.kind === 'clips'
    const loaded = isSplit ? undefined : await models.of(options.cameras[0]?.windows[0]?.frames ?? 12)
    const info = loaded?.model.info
    const places = new Places(options.s3)
    closing.push(() => places.close())
    const { signal = new AbortController().signal } = hooks
    if (options.to.kind === 'kafka' || isSplit) hooks.onWaiting?.(() => 'the broker is waited for')
    const stored = { onStored: (_: readonly string[]): void => undefined }
    const destination = await openDestination({
      ...{ options, places, info, log, onLine, signal, giveUp: giveUp.signal },
      onStored: (ids) => stored.onStored(ids),
    })
    closing.push(() => destination.sink.close())
    const about = { model: info && modelName(info), modelDigest: info?.digest, engine: loaded?.why }
    const notes = info === undefined ? [] : modelNotes(info)
    log.info({ ...about, notes, to: options.to.kind }, 'ready for cameras')
    const model = info === undefined ? undefined : { models, info }
    const parts =
      hooks.parts ?? (await cameraRules(options, places, { programs, log, giveUp: giveUp.signal }))
    const job = new IngestJob({
      ...{ options, hooks: { ...hooks, parts }, log, metrics, programs, destination, stored, model, giveUp },
    })
    await job.run()
    const all = job.givenUp === undefined ? notes : [...notes, job.givenUp]
    return { ...about, notes: all, cameras: job.counts, seconds: (performance.now() - started) / 1000 }
  } finally {
    giveUp.abort()
    for (const close of closing.reverse()) await inTime(close, log)
  }
}

/** What is closed has nothing to deliver any more: a server that is away keeps nobody from ending. */
async function inTime(close: () => Promise<unknown>, log: Logger): Promise<void> {
  const over = new AbortController()
  const late = sleep(CLOSE_MS, undefined, { signal: over.signal }).then(
    () => log.warn('not closed in order'),
    () => undefined,
  )
  const closed = close().catch((error: unknown) => {
    log.warn({ reason: asStanflowError(error).message }, 'not closed in order')
  })
  await Promise.race([closed, late]).finally(() => over.abort())
}

/** Whether a machine has what the cameras are to be decoded by. @throws StanflowError HWACCEL_UNFIT where that fits none */
async function checkAccelerators(
  programs: FfmpegPrograms,
  cameras: readonly CameraSettings[],
): Promise<void> {
  const checks = cameras.map(async ({ hwaccel, hwaccelDevice }) => {
    if (hwaccel !== 'none') await checkHwaccel(programs, hwaccel, hwaccelDevice)
  })
  // The first that fits will do: whoever else does not is told of when its camera is begun, and tried again.
  if (checks.length > 0)
    await Promise.any(checks).catch((all: AggregateError) => {
      throw all.errors[0]
    })
}

/** What is closed at the end may take so long, each. */
const CLOSE_MS = 3000
/** Videos and pictures of events made at once, of all cameras. */
const AT_ONCE = 2

/** Rules, motion gates and recordings, as each camera asks for them. */
async function cameraRules(
  { to, record }: IngestOptions,
  places: Places,
  {
    programs,
    log,
    giveUp,
  }: { readonly programs: FfmpegPrograms; readonly log: Logger; readonly giveUp: AbortSignal },
): Promise<OpenParts> {
  const media = record === undefined ? undefined : places.results(record)
  await media?.open()
  const kept = to.kind === 'place' ? places.results(to.place) : media
  const states = await RuleStates.open({ blobs: kept, log, giveUp })
  const shared = { states, media, log, ffmpeg: programs.ffmpeg, budget: new Budget(AT_ONCE) }
  return (camera, emit) => new CameraRules(camera, { ...shared, emit })
}
