import { Budget } from '../operators/index.js'
import { StanflowError } from '../src/errors.js'
import { type FfmpegPrograms, findFfmpeg } from '../src/media/ffmpeg/find.js'
import { checkHwaccel } from '../src/media/live/hwaccel.js'
import { type Logger, silentLog } from '../src/telemetry/log.js'
import { Metrics } from '../src/telemetry/metrics.js'
import { CameraRules } from './ingest/camera-rules.js'
import { openDestination } from './ingest/destination.js'
import { IngestJob } from './ingest/job.js'
import { Models } from './ingest/models.js'
import type { IngestHooks, IngestOptions, IngestSummary, OpenParts } from './ingest/options.js'
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
  for (const { hwaccel, hwaccelDevice } of options.cameras) {
    if (hwaccel !== 'none') await checkHwaccel(programs, hwaccel, hwaccelDevice)
  }
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
    const destination = await openDestination({
      ...{ options, places, info, log, onLine, signal, giveUp: giveUp.signal },
    })
    closing.push(() => destination.sink.close())
    const about = { model: info && modelName(info), modelDigest: info?.digest, engine: loaded?.why }
    const notes = info === undefined ? [] : modelNotes(info)
    log.info({ ...about, notes, to: options.to.kind }, 'ready for cameras')
    const model = info === undefined ? undefined : { models, info }
    const parts = hooks.parts ?? (await cameraRules(options, places, { programs, log }))
    const job = new IngestJob({
      ...{ options, hooks: { ...hooks, parts }, log, metrics, programs, destination, model, giveUp },
    })
    await job.run()
    return { ...about, notes, cameras: job.counts, seconds: (performance.now() - started) / 1000 }
  } finally {
    giveUp.abort()
    for (const close of closing.reverse()) await close()
  }
}

/** Videos and pictures of events made at once, of all cameras. */
const AT_ONCE = 2

/** Rules, motion gates and recordings, as each camera asks for them. */
async function cameraRules(
  { to, record }: IngestOptions,
  places: Places,
  { programs, log }: { readonly programs: FfmpegPrograms; readonly log: Logger },
): Promise<OpenParts> {
  const media = record === undefined ? undefined : places.results(record)
  await media?.open()
  const kept = to.kind === 'place' ? places.results(to.place) : media
  const states = await RuleStates.open(kept, log)
  const shared = { states, media, log, ffmpeg: programs.ffmpeg, budget: new Budget(AT_ONCE) }
  return (camera, emit) => new CameraRules(camera, { ...shared, emit })
}
