import { StanflowError } from '../../errors.js'
import { judge } from '../demuxed.js'
import { outputSize } from '../filters.js'
import { FrameIndex, keyframeBefore } from '../frame-index.js'
import { cpuSeconds, LIMITS, type MediaLimits, tooCostly, withinLimits } from '../limits.js'
import { isUrl } from '../location.js'
import type { FrameRequest, VideoInfo, VideoReader } from '../reader.js'
import { withIndexFile } from '../remote/index-file.js'
import { checkSourceFile, checkStillThere } from '../source-file.js'
import { frameTime, type Produced, TOLERATED_DAMAGE, withStandIns } from '../stand-in.js'
import { commandFor } from './command.js'
import type { FfmpegPrograms } from './find.js'
import { demuxWithFfprobe } from './probe.js'
import { FfmpegRun } from './run.js'

export interface FfmpegOptions {
  /** Threads of each decoder. Default: 1, as many videos are decoded at once. */
  readonly threads?: number
  /** A decoder that gives nothing for so long hangs. Default: 60 s. */
  readonly stallMs?: number
  readonly limits?: MediaLimits
}

/** Reads videos with the ffmpeg and ffprobe programs, one child process a video. */
export function createFfmpegReader(
  programs: FfmpegPrograms,
  { threads = 1, stallMs = 60_000, limits = LIMITS }: FfmpegOptions = {},
): VideoReader {
  const running = new Set<FfmpegRun>()

  /** What ffmpeg gives; where a Ctrl-C meant for this process has ended it too, another goes on. */
  async function* produced(request: FrameRequest): AsyncGenerator<Produced> {
    if (request.indices.length === 0) return
    request.signal?.throwIfAborted()
    await checkStillThere(request.video.path)
    for (const indices of runsOf(request)) yield* producedBy({ ...request, indices })
  }

  async function* producedBy(request: FrameRequest): AsyncGenerator<Produced> {
    let { indices } = request
    for (;;) {
      const run = new FfmpegRun(commandFor(programs, { ...request, indices }, { threads, limits }), stallMs)
      const stop = (): void => run.kill()
      request.signal?.addEventListener('abort', stop, { once: true })
      running.add(run)
      let given = 0
      try {
        for await (const frame of pictures(run, { ...request, indices })) {
          given = indices.indexOf(frame.index, given) + 1
          yield frame
        }
        request.signal?.throwIfAborted()
        if (given === indices.length || !(await goesOn(run, request.video, limits))) return
        indices = indices.slice(given)
      } finally {
        request.signal?.removeEventListener('abort', stop)
        running.delete(run)
        run.kill()
      }
    }
  }

  return {
    name: 'ffmpeg',
    async probe(path, signal) {
      await checkSourceFile(path, limits)
      const probing = { ffprobe: programs.ffprobe, stallMs, limits, signal }
      return withIndexFile(path, signal, async (index) =>
        withinLimits(judge(await demuxWithFfprobe(path, index, probing)), limits),
      )
    },
    frames: (request) => withStandIns(request, produced(request)),
    async close() {
      for (const run of running) run.kill()
    },
  }
}

/**
 * What one ffmpeg after another is to decode. From a disk that is all: it decodes through what lies between. From a URL
 * what lies between would have to be fetched, so it is passed over where a keyframe comes before the next frame wanted.
 */
function runsOf({ video, indices }: FrameRequest): readonly FrameRequest['indices'][] {
  if (!isUrl(video.path) || video.timing === 'counted') return [indices]
  const runs: number[][] = []
  for (const index of indices) {
    const last = runs.at(-1)?.at(-1)
    if (last !== undefined && keyframeBefore(video, index) <= last) runs.at(-1)?.push(index)
    else runs.push([index])
  }
  return runs
}

/** The wanted ones of a run's pictures, up to the last wanted. */
async function* pictures(
  run: FfmpegRun,
  { video, indices, geometry, allocate }: FrameRequest,
): AsyncGenerator<Produced> {
  const { width, height } = outputSize(video, geometry)
  const bytes = width * height * 3
  const wanted = new Uint8Array(video.timestamps.length)
  for (const index of indices) wanted[index] = 1
  const last = indices.at(-1)
  const frameAt = video.timing === 'counted' ? (stamp: number) => stamp : indexer(video)
  let pixels: Uint8Array | undefined
  /** Seconds up to which nothing was damaged. */
  let clean = frameTime(video, indices[0] ?? 0)
  for (;;) {
    pixels ??= allocate?.(bytes) ?? new Uint8Array(bytes)
    const stamp = await run.next(pixels)
    if (stamp === undefined) return
    const index = frameAt(stamp)
    if (index === undefined || wanted[index] !== 1) continue
    wanted[index] = 0
    if (run.damaged === 0) clean = frameTime(video, index)
    refuseDamage(video, run.damaged, { span: (last ?? 0) - (indices[0] ?? 0) + 1, clean })
    yield { index, time: frameTime(video, index), width, height, pixels }
    pixels = undefined
    if (index === last) return
  }
}

/** ffmpeg does not say which frames are damaged, only how many: too many of all it is to decode spoil the rest too. */
function refuseDamage(
  { path }: VideoInfo,
  damaged: number,
  { span, clean }: { readonly span: number; readonly clean: number },
): void {
  if (damaged <= Math.max(2, span * TOLERATED_DAMAGE)) return
  throw new StanflowError(
    'MEDIA_DECODE',
    `${path}: at least ${damaged} of ${span} frames are damaged, from second ${clean.toFixed(1)}`,
  )
}

function indexer(video: VideoInfo): (stamp: number) => number | undefined {
  const index = new FrameIndex(video)
  return (stamp) => (Number.isNaN(stamp) ? undefined : index.at(stamp))
}

/** What libav says of a picture with more than `-max_pixels`. */
const OVER_PIXELS = /exceeds specified max pixel count/

/** What ffmpeg, or the system that loads it, says where the limit of memory is reached. */
const OUT_OF_MEMORY = /cannot allocate|failed to allocate|failed to map segment|thread_encoder_init failed/i

/** Whether frames that are missing at the end of a run are to be had from another. @throws StanflowError */
async function goesOn(run: FfmpegRun, video: VideoInfo, limits: MediaLimits): Promise<boolean> {
  const { path, codec } = video
  const ending = await run.ending()
  const cause = run.said
  if (ending === 'costly') throw tooCostly(path, cpuSeconds(video, limits))
  if (OVER_PIXELS.test(cause)) {
    throw new StanflowError('MEDIA_TOO_LARGE', `${path} has pictures that are too large amid it`, { cause })
  }
  if (ending === 'crashed' || (ending === 'done' && OUT_OF_MEMORY.test(cause))) {
    throw new StanflowError('MEDIA_CRASH', `ffmpeg ended abnormally on ${path}`, { cause })
  }
  if (/Decoder \(codec [^)]*\) not found|Unknown decoder/.test(cause)) {
    throw new StanflowError('MEDIA_UNSUPPORTED', `this ffmpeg cannot decode ${codec}, which ${path} is in`, {
      cause,
    })
  }
  return ending === 'stopped'
}
