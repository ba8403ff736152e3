import type { Timeline } from '../operators/index.js'
import type { ClipPlan } from '../src/domain.js'
import { marked } from '../src/media/indices.js'
import type { VideoInfo } from '../src/media/reader.js'

/** The items of `source` until `signal` aborts; the source is then let go. */
export async function* until<T>(
  signal: AbortSignal | undefined,
  source: AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  if (signal?.aborted) return
  for await (const item of source) {
    if (signal?.aborted) return
    yield item
  }
}

/** All but the first `count`. */
export function* drop<T>(items: Iterable<T>, count: number): Generator<T> {
  let seen = 0
  for (const item of items) if (seen++ >= count) yield item
}

/** Every frame that the plans name, ascending, each once, out of so many that the video has. */
export function framesOf(plans: Iterable<ClipPlan>, available: number): Uint32Array {
  const wanted = new Uint8Array(available)
  for (const { frameIndices } of plans) for (const index of frameIndices) wanted[index] = 1
  return marked(wanted)
}

/** When a video's frames are shown, in seconds from the first. */
export function timelineOf({ timestamps, timeBase, duration }: VideoInfo): Timeline {
  const first = timestamps[0] ?? 0
  const unit = timeBase.num / timeBase.den
  return { times: timestamps.map((timestamp) => (timestamp - first) * unit), duration }
}
