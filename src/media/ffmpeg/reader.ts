import type { Readable } from 'node:stream'
import ffmpeg, { type FfmpegCommand } from 'fluent-ffmpeg'
import { StanflowError } from '../../errors.js'
import { ByteReader } from '../byte-reader.js'
import { judge } from '../demuxed.js'
import { outputSize } from '../filters.js'
import { FrameIndex, keyframeBefore } from '../frame-index.js'
import type { FrameRequest, VideoInfo, VideoReader } from '../reader.js'
import { checkSourceFile } from '../source-file.js'
import { frameTime, type Produced, withStandIns } from '../stand-in.js'
import type { FfmpegPrograms } from './find.js'
import { demuxWithFfprobe } from './probe.js'
import { filterChain } from './select.js'

export interface FfmpegOptions {
  /** Threads of each decoder. Default: 1, as many videos are decoded at once. */
  readonly threads?: number
  /** A decoder that gives nothing for so long hangs. Default: 60 s. */
  readonly stallMs?: number
}

/** Seconds that a seek aims before the keyframe it wants, so that rounding cannot make it land after. */
const SEEK_MARGIN = 0.5
/** Decoding so many seconds is quicker than to worry about seeking. */
const SEEK_WORTH = 5

/** Reads videos with the ffmpeg and ffprobe programs, one child process a video. */
export function createFfmpegReader(
  programs: FfmpegPrograms,
  { threads = 1, stallMs = 60_000 }: FfmpegOptions = {},
): VideoReader {
  const running = new Set<FfmpegCommand>()

  async function* produced(request: FrameRequest): AsyncGenerator<Produced> {
    const { video, indices, signal, allocate } = request
    if (indices.length === 0) return
    signal?.throwIfAborted()
    const { width, height } = outputSize(video, request.geometry)
    const command = commandFor(programs, request, threads)
    const shown = new ShownFrames(command)
    const bytes = new ByteReader(command.pipe() as unknown as Readable, stallMs)
    const stop = (): void => void command.kill('SIGKILL')
    signal?.addEventListener('abort', stop, { once: true })
    running.add(command)
    try {
      const wanted = new Set(indices)
      const last = indices.at(-1) as number
      const match = matcher(video, indices)
      let spare: Uint8Array | undefined
      for (let n = 0; ; n++) {
        const pixels = spare ?? allocate?.(width * height * 3) ?? new Uint8Array(width * height * 3)
        if ((await bytes.fill(pixels)) < pixels.length) break
        const index = match(await shown.timestamp(n), n)
        if (index === undefined || !wanted.has(index)) {
          spare = pixels
          continue
        }
        spare = undefined
        wanted.delete(index)
        yield { index, time: frameTime(video, index), width, height, pixels }
        if (index === last) return
      }
      signal?.throwIfAborted()
      shown.refuseCrash(video.path)
    } finally {
      signal?.removeEventListener('abort', stop)
      running.delete(command)
      stop()
    }
  }

  return {
    name: 'ffmpeg',
    async probe(path, signal) {
      await checkSourceFile(path)
      return judge(await demuxWithFfprobe(programs.ffprobe, path, signal))
    },
    frames: (request) => withStandIns(request, produced(request)),
    async close() {
      for (const command of running) command.kill('SIGKILL')
    },
  }
}

function commandFor(
  { ffmpeg: program, fpsMode }: FfmpegPrograms,
  request: FrameRequest,
  threads: number,
): FfmpegCommand {
  const seek = seekSeconds(request)
  return ffmpeg()
    .setFfmpegPath(program)
    .input(`file:${request.video.path}`)
    .inputOptions([
      ...['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'info', '-protocol_whitelist', 'file'],
      ...['-threads', String(threads), '-noautorotate'],
      ...(seek === undefined ? [] : ['-noaccurate_seek', '-ss', String(seek)]),
      '-copyts',
    ])
    .outputOptions(['-map', '0:V:0', '-an', '-sn', '-dn', '-filter_threads', '1'])
    .outputOptions('-vf', filterChain(request))
    .outputOptions([fpsMode ? '-fps_mode' : '-vsync', 'passthrough', '-pix_fmt', 'rgb24'])
    .format('rawvideo')
}

/** Where to start reading, in seconds from the start of the file; undefined: at the start. */
function seekSeconds({ video, indices }: FrameRequest): number | undefined {
  if (video.timing === 'counted') return undefined
  const key = frameTime(video, keyframeBefore(video, indices[0] ?? 0))
  return key > SEEK_WORTH ? key - SEEK_MARGIN : undefined
}

/** Tells which frame an emitted one is: by its timestamp, or by counting where timestamps mean nothing. */
function matcher(
  video: VideoInfo,
  indices: readonly number[],
): (timestamp: number, emitted: number) => number | undefined {
  if (video.timing === 'counted') return (_, emitted) => (indices.length <= 64 ? indices[emitted] : emitted)
  const index = new FrameIndex(video)
  return (timestamp) => index.at(timestamp)
}

const SHOWN = /Parsed_showinfo[^\]]*\] n: *(\d+) pts: *(-?\d+|NOPTS)/
const STDERR_LINES = 20

/** The timestamps of emitted frames: the n-th line of showinfo is about the n-th picture on the pipe. */
class ShownFrames {
  readonly #timestamps = new Map<number, number>()
  readonly #lines: string[] = []
  #arrived: (() => void) | undefined
  #failure: Error | undefined
  #ended = false

  constructor(command: FfmpegCommand) {
    command.on('stderr', (line: string) => {
      const found = SHOWN.exec(line)
      if (found === null) {
        this.#lines.push(line)
        if (this.#lines.length > STDERR_LINES) this.#lines.shift()
        return
      }
      this.#timestamps.set(Number(found[1]), Number(found[2]))
      this.#arrived?.()
    })
    const end = (error?: Error): void => {
      this.#failure = error
      this.#ended = true
      this.#arrived?.()
    }
    command.on('error', end)
    command.on('end', () => end())
  }

  async timestamp(n: number): Promise<number> {
    while (!this.#timestamps.has(n) && !this.#ended)
      await new Promise<void>((resolve) => (this.#arrived = resolve))
    const timestamp = this.#timestamps.get(n) ?? Number.NaN
    this.#timestamps.delete(n)
    return timestamp
  }

  /** Ended by a signal that was not ours: a crash, not the end of the data. */
  refuseCrash(path: string): void {
    if (this.#failure === undefined || !/killed with signal/.test(this.#failure.message)) return
    throw new StanflowError('MEDIA_CRASH', `ffmpeg ended abnormally on ${path}`, {
      cause: this.#lines.join('\n'),
    })
  }
}
