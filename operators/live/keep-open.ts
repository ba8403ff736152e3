import { setTimeout as sleep } from 'node:timers/promises'
import type { Event, LiveFrame } from '../../src/domain.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import { CameraEvents } from './camera-events.js'
import type { Pacer } from './pacer.js'

export interface KeepOpenOptions {
  /** `camera:ID`. */
  readonly source: string
  /** Connects once, and gives frames until the connection ends. @throws StanflowError */
  readonly play: (signal: AbortSignal) => AsyncIterable<LiveFrame>
  /** Aborting ends the connection, and tries no more. */
  readonly signal: AbortSignal
  /** Shared by all cameras: they do not all connect at once. */
  readonly pacer: Pacer
  readonly onEvent: (event: Event) => void
  /** A connection came to an end, or to nothing; the next try is in so many seconds. */
  readonly onRetry?: (error: StanflowError, seconds: number) => void
  /** Seconds to the first and, at most, to any later try. */
  readonly backoff: { readonly first: number; readonly most: number }
  /** Seconds for which the very same picture may come. Default: for ever. */
  readonly frozen?: number
  /** Seconds by which frames may be behind before the connection is begun anew. */
  readonly late: number
  /** Unix seconds. */
  readonly now?: () => number
}

/** A connection that held so long was good: the next tries begin quickly again. */
const GOOD_SECONDS = 5
/** By how much longer each wait is than the one before, until there is a good connection. */
const GROWTH = 1.7
/** Wrong credentials tried too often lock a camera's account. */
const AUTH_SECONDS = 5

/** A camera's frames, over as many connections as it takes, until `signal` aborts or the input says it is over. */
export async function* keepOpen(options: KeepOpenOptions): AsyncGenerator<LiveFrame, void, undefined> {
  const { source, play, signal, pacer, onEvent, onRetry, backoff } = options
  const now = options.now ?? (() => Date.now() / 1000)
  const events = new CameraEvents(source, now())
  for (let tries = 0; !signal.aborted; ) {
    await pacer.turn(signal)
    let since: number | undefined
    try {
      for await (const frame of watched(play(signal), options, now)) {
        since ??= now()
        for (const event of events.frame(frame.time)) onEvent(event)
        yield frame
      }
      return
    } catch (thrown) {
      if (signal.aborted) return
      const error = asStanflowError(thrown)
      for (const event of events.lost(error)) onEvent(event)
      tries = since !== undefined && now() - since > GOOD_SECONDS ? 0 : tries
      const least = error.code === 'CAMERA_AUTH' ? AUTH_SECONDS : backoff.first
      const pause = Math.min(backoff.most, least * GROWTH ** tries++) * (0.5 + Math.random())
      onRetry?.(error, pause)
      await sleep(pause * 1000, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** Frames, unless they are all the same or come too late. */
async function* watched(
  frames: AsyncIterable<LiveFrame>,
  { source, frozen = Number.POSITIVE_INFINITY, late }: KeepOpenOptions,
  now: () => number,
): AsyncGenerator<LiveFrame, void, undefined> {
  let picture: Buffer | undefined
  let changed = now()
  for await (const frame of frames) {
    if (frozen < Number.POSITIVE_INFINITY) {
      if (picture?.equals(frame.pixels) !== true) {
        picture = Buffer.from(frame.pixels)
        changed = now()
      } else if (now() - changed > frozen) {
        throw new StanflowError('CAMERA_FROZEN', `${source}: the same picture for ${frozen} s`)
      }
    }
    const behind = now() - frame.time
    if (behind > late) {
      throw new StanflowError('CAMERA_LATE', `${source}: pictures came ${behind.toFixed(1)} s late`)
    }
    yield frame
  }
}
