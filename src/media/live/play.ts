import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { LiveFrame } from '../../domain.js'
import { StanflowError } from '../../errors.js'
import { ByteReader } from '../byte-reader.js'
import type { FfmpegPrograms } from '../ffmpeg/find.js'
import { LIMITS, limited } from '../limits.js'
import { StreamClock } from './clock.js'
import { hasEnd, liveCommand } from './command.js'
import { failure } from './failures.js'
import { type Fragment, FragmentReader } from './fragments.js'
import type { LiveSettings } from './settings.js'
import { Talk } from './talk.js'

/** Stream time that may go by between two frames beyond what went by here, and backwards: more is a jump. */
const JUMP = 5
const BACK = 0.05
/** Pictures that were sent one by one: what libav calls their times is made up. */
const UNTIMED = /Stream #\d+:\d+.*Video: mjpeg/
/** Where only keyframes are decoded, a camera that sends other pictures for so long is no better than one that sends none. */
const KEYFRAME_MS = 120_000
/** Pieces that are kept until it is known what time it is. */
const EARLY = 256
/** mp4 has no place for some codecs: then frames come, and the stream itself does not. */
const NO_CONTAINER = /Could not find tag for codec|not currently supported in container/
/** Nor for a stream that has not said how large its pictures are, which it may the next time: frames matter more only then. */
const UNWRITTEN = /Could not write header/
const MOST_UNWRITTEN = 3

/** A camera that can be played, one connection at a time. */
export interface LiveCamera {
  /**
   * Connects, and gives frames as they come until the stream ends; it has ended by itself only where its kind has an end.
   * Leaving the iteration, or aborting, ends the connection.
   * @throws StanflowError CAMERA_*, HWACCEL_UNFIT
   */
  play(signal: AbortSignal): AsyncGenerator<LiveFrame, void, undefined>
  /** Whose clock the last frame was timed by. */
  readonly clock: 'camera' | 'arrival'
}

/** Plays a camera with the ffmpeg program, one process a connection. */
export function liveCamera({ ffmpeg }: FfmpegPrograms, settings: LiveSettings): LiveCamera {
  const { source, address, size } = settings
  const clock = new StreamClock()
  let index = 0
  /** Connections so far, of whoever plays it: pictures of two are not to be joined. */
  let connections = 0
  /** A file goes at ffmpeg's own pace, which it loses between keyframes. */
  const isPaced = settings.keyframesOnly && hasEnd(address.kind)
  /** Frames are timed by when they come, in ffmpeg itself. */
  let byArrival = false
  // RTSP cameras tell the time of each picture in the stream that is copied; and where only keyframes are decoded, what
  // comes between them shows that the camera is there.
  let pieces = settings.onPiece !== undefined || address.kind === 'rtsp' || settings.keyframesOnly
  /** Connections in a row whose stream could not be kept. */
  let unwritten = 0

  async function* play(signal: AbortSignal): AsyncGenerator<LiveFrame, void, undefined> {
    const isDone = yield* connection(signal)
    if (!isDone) yield* connection(signal)
  }

  /** @returns false where it is to be begun anew in another way */
  async function* connection(signal: AbortSignal): AsyncGenerator<LiveFrame, boolean, undefined> {
    if (signal.aborted) return true
    const run = connections++
    clock.restart()
    const command = liveCommand(settings, { pieces: pieces && unwritten < MOST_UNWRITTEN, byArrival })
    // What other hardware decodes with reserves far more than it uses.
    const { memory } = settings.hwaccel === 'none' ? (settings.limits ?? LIMITS) : {}
    const within = limited(ffmpeg, { ...(memory !== undefined && { memory }) })
    const child = spawn(within.program, [...within.args, ...command.args], {
      stdio: ['pipe', 'pipe', 'pipe', ...(command.pieces ? (['pipe'] as const) : [])],
      env: environment(),
    })
    const ended = once(child, 'exit').catch((error: unknown) => [error])
    const stop = (): void => void child.kill('SIGKILL')
    signal.addEventListener('abort', stop, { once: true })
    child.stdin?.on('error', () => undefined).end(command.stdin)
    const talk = new Talk(child.stderr as Readable, settings.measureChange)
    const bytes = new ByteReader(child.stdout as Readable, settings.patience * 1000)
    let decoded = performance.now()
    const sign = (): void => {
      if (settings.keyframesOnly && performance.now() - decoded < KEYFRAME_MS) bytes.sign()
    }
    if (command.pieces) readPieces(child, run, sign)
    let last: { readonly pts: number; readonly wall: number } | undefined
    try {
      for (;;) {
        const pixels = settings.allocate(size * size * 3)
        if ((await bytes.fill(pixels)) < pixels.length) break
        const shown = await talk.next()
        if (shown === undefined) break
        if (!byArrival && address.kind === 'http' && talk.lines.some((line) => UNTIMED.test(line))) {
          byArrival = true
          return false
        }
        if (last !== undefined) refuseJump(shown.pts - last.pts, shown.wall - last.wall)
        else bytes.stallMs = isPaced ? KEYFRAME_MS : settings.silence * 1000
        last = shown
        unwritten = 0
        decoded = performance.now()
        const time = clock.frame(shown.pts, shown.wall)
        const change = shown.change === undefined ? {} : { change: shown.change }
        yield { source, run, index: index++, time, pixels, ...change }
      }
      await Promise.all([ended, talk.over()])
      if (signal.aborted) return true
      if (last !== undefined && hasEnd(address.kind) && child.exitCode === 0) return true
      if (last === undefined && command.pieces) learn(talk.lines)
      throw failure(talk.lines, address, { hadFrames: last !== undefined, signal: child.signalCode })
    } catch (error) {
      throw named(error, talk.lines, last !== undefined)
    } finally {
      signal.removeEventListener('abort', stop)
      stop()
      for (const stream of child.stdio) stream?.destroy()
      await ended
    }
  }

  function readPieces(child: ChildProcess, run: number, onPiece: () => void): void {
    /** What came before the first frame, which says what time it is. */
    let early: (readonly [Fragment, Uint8Array])[] = []
    const give = (fragment: Fragment, header: Uint8Array): void => {
      const { dts, key, bytes } = fragment
      onPiece()
      const time = clock.piece(dts)
      if (time !== undefined) settings.onPiece?.({ source, run, header, time, key, bytes })
      else if (settings.onPiece !== undefined && early.length < EARLY) early.push([fragment, header])
    }
    const reader = new FragmentReader((fragment, header) => {
      const { pts, reference } = fragment
      if (reference !== undefined && address.kind === 'rtsp') clock.reference(pts, reference)
      const waiting = early
      early = []
      for (const [before, its] of waiting) give(before, its)
      give(fragment, header)
    })
    const pipe = child.stdio[3] as Readable
    pipe.on('error', () => undefined)
    pipe.on('data', (chunk: Buffer) => reader.push(chunk))
  }

  /** Why a connection of which the stream was to be kept gave no frame. */
  function learn(said: readonly string[]): void {
    if (said.some((line) => NO_CONTAINER.test(line))) {
      pieces = false
      settings.onNote?.('the stream cannot be kept as MP4; frames are not affected')
    } else if (said.some((line) => UNWRITTEN.test(line)) && ++unwritten === MOST_UNWRITTEN) {
      settings.onNote?.(
        'the stream does not say how large its pictures are: it is not kept in the next connection',
      )
    }
  }

  function refuseJump(stream: number, here: number): void {
    if (stream > -BACK && stream < here + JUMP) return
    const way = stream < 0 ? 'back' : 'ahead'
    const sentence = `${address.shown}: the stream's times jumped ${Math.abs(stream).toFixed(1)} s ${way}`
    throw new StanflowError('CAMERA_CLOCK', sentence)
  }

  /** A decoder that gives nothing is a camera that sends nothing, or nothing that may be decoded. */
  function named(error: unknown, said: readonly string[], hadFrames: boolean): unknown {
    if (!(error instanceof StanflowError) || error.code !== 'MEDIA_TIMEOUT') return error
    const refused = failure(said, address, { hadFrames, signal: null })
    if (refused.code === 'MEDIA_TOO_LARGE') return refused
    const seconds = hadFrames ? settings.silence : settings.patience
    return new StanflowError(
      hadFrames ? 'CAMERA_SILENT' : 'CAMERA_UNREACHABLE',
      `${address.shown}: no picture for ${seconds} s`,
      { cause: error },
    )
  }

  return {
    play,
    get clock() {
      return clock.source
    },
  }
}

/** The environment without anything that may be a secret: it can be read in /proc by whoever runs as the same user. */
function environment(): NodeJS.ProcessEnv {
  const fit = Object.entries(process.env).filter(
    ([name]) => !/PASS|SECRET|TOKEN|KEY|CREDENTIAL|SASL/i.test(name),
  )
  return Object.fromEntries(fit)
}
