import { FIGURES as F } from './figures.js'

export type Mode = 'whole' | 'split'
export type Frames = 12 | 64

/** What a load takes. Rates are a second, sizes bytes. */
export interface Needs {
  readonly load: string
  readonly mode: Mode
  readonly frames: Frames
  readonly clipsPerSecond: number
  readonly decoderCores: number
  readonly decoderGpus: number
  readonly modelGpus: number
  readonly partitions: number
  readonly brokers: number
  readonly inBytes: number
  readonly topicBytes: number
  readonly objectsPerDay: number
  readonly requestsPerSecond: number
  readonly indexBytesPerDay: number
  readonly dollarsPerMillion: number
}

/** Seconds of a window, and from one to the next: the defaults of cameras, and of archives, whose windows do not overlap. */
const WINDOW = 4
const CAMERA_STRIDE = 1
const DAY = 86_400
/** Ranges that a video of an hour is read by, at least. */
const READS_PER_HOUR = 60
/** Of S3 requests besides those for results: listing, locks, manifests. */
const UPKEEP = 1.1

const branchOf = (frames: Frames): number => (frames === 12 ? F.branch12.value : F.branch64.value)

/** GFLOP of a clip's frames, and of what makes one vector of them. */
const framesGflop = (frames: number): number => frames * F.frameGflop.value
const branchGflop = (frames: Frames): number => framesGflop(frames) * branchOf(frames)

interface Load {
  readonly load: string
  readonly mode: Mode
  readonly frames: Frames
  readonly clipsPerSecond: number
  readonly gflopPerSecond: number
  /** Videos played at their own speed, as many as decode at once. */
  readonly streams: number
  readonly topicBytes: number
  readonly readsPerSecond: number
  /** Seconds of a day in which it runs. */
  readonly active: number
}

export function camerasNeed(cameras: number, mode: Mode, frames: Frames): Needs {
  const clipsPerSecond = cameras / CAMERA_STRIDE
  // Where one process decodes and embeds, overlapping windows share frames; clips in a topic bring all of theirs.
  const shared = (frames / WINDOW) * CAMERA_STRIDE
  const gflop = framesGflop(mode === 'whole' ? shared : frames) + branchGflop(frames)
  const results = F.embeddingBytes.value + F.labelBytes.value
  return needsOf({
    ...{ load: `${cameras.toLocaleString('en')} cameras`, mode, frames, clipsPerSecond },
    ...{ gflopPerSecond: clipsPerSecond * gflop, streams: cameras, readsPerSecond: 0, active: DAY },
    topicBytes: clipsPerSecond * (results + (mode === 'split' ? frames * F.jpegBytes.value : 0)),
  })
}

export function archiveNeeds(hours: number, frames: Frames): Needs {
  const night = F.nightHours.value * 3600
  const clipsPerSecond = (hours * 3600) / WINDOW / night
  return needsOf({
    ...{ load: `${hours.toLocaleString('en')} h a night`, mode: 'whole', frames, clipsPerSecond },
    gflopPerSecond: clipsPerSecond * (framesGflop(frames) + branchGflop(frames)),
    streams: hours / F.nightHours.value,
    topicBytes: clipsPerSecond * (F.embeddingBytes.value + F.labelBytes.value),
    readsPerSecond: (hours * READS_PER_HOUR) / night,
    active: night,
  })
}

function needsOf({ gflopPerSecond, streams, readsPerSecond, active, ...load }: Load): Needs {
  const { clipsPerSecond, topicBytes } = load
  const decoderCores = streams * F.corePerCamera.value
  const modelGpus = Math.ceil(gflopPerSecond / (F.gpuTflops.value * 1000 * F.gpuUse.value))
  // A consumer is a card, and needs a partition of its own.
  const partitions = Math.max(modelGpus, Math.ceil(topicBytes / (F.partitionMegabytes.value * 1e6)))
  const brokers = Math.max(3, Math.ceil((3 * topicBytes) / (F.brokerMegabytes.value * 1e6)))
  const files = Math.max(
    (clipsPerSecond * active) / F.rollRecords.value,
    (partitions * active) / F.rollSeconds.value,
  )
  const objectsPerDay = Math.ceil(2 * files)
  const requestsPerSecond = (objectsPerDay / active) * UPKEEP + readsPerSecond
  const hourly =
    modelGpus * F.gpuDollars.value +
    decoderCores * F.coreDollars.value +
    brokers * F.brokerDollars.value +
    ((objectsPerDay * 3600) / active) * F.putDollars.value
  return {
    ...load,
    ...{ decoderCores, decoderGpus: Math.ceil(streams / F.gpuDecode.value), modelGpus, partitions, brokers },
    inBytes: (streams * F.megabits.value * 1e6) / 8,
    ...{ objectsPerDay, requestsPerSecond },
    indexBytesPerDay: clipsPerSecond * active * F.indexBytes.value,
    dollarsPerMillion: (hourly / (clipsPerSecond * 3600)) * 1e6,
  }
}
