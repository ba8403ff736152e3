import type { VideoResults } from '../../src/connect/files/results.js'
import type { Episode, Source, Timeline } from '../../src/server/schemas.js'

/** Labels of a clip that are kept, and labels that get a track. */
const KEPT = 3
const TRACKS = 8
const MOST_SPANS = 400
const SHOWN_LABELS = 3
/** A label that is not a clip's best counts from here on. */
const NOTABLE = 0.25
const NONE = 0xffff

/** What is kept of a source's results. */
export interface Shelved extends Pick<VideoResults, 'source' | 'path' | 'bytes' | 'done'> {
  readonly clips: readonly Pick<VideoResults['clips'][number], 'start' | 'end' | 'labels'>[]
}

/** A source's clips in a few bytes each, as a page shows them. */
export class Shelf {
  readonly path: string
  readonly bytes: number
  readonly source: Omit<Source, 'playable' | 'why'>
  /** Lower case, to be searched. */
  readonly words: string
  readonly #names: readonly string[]
  readonly #starts: Float64Array
  readonly #ends: Float64Array
  readonly #labels: Uint16Array
  readonly #scores: Float32Array

  constructor({ source, path, bytes, done, clips }: Shelved) {
    this.path = path
    this.bytes = bytes
    const count = clips.length
    this.#starts = Float64Array.from(clips, ({ start }) => start)
    this.#ends = Float64Array.from(clips, ({ end }) => end)
    this.#labels = new Uint16Array(count * KEPT).fill(NONE)
    this.#scores = new Float32Array(count * KEPT)
    const ids = new Map<string, number>()
    const leads = new Map<string, number>()
    clips.forEach(({ labels }, i) => {
      labels.slice(0, KEPT).forEach(({ label, score }, k) => {
        const id = ids.get(label) ?? Math.min(ids.size, NONE - 1)
        ids.set(label, id)
        this.#labels[i * KEPT + k] = id
        this.#scores[i * KEPT + k] = score
      })
      const best = labels[0]?.label
      if (best !== undefined) leads.set(best, (leads.get(best) ?? 0) + 1)
    })
    this.#names = [...ids.keys()]
    const labels = [...leads].sort((a, b) => b[1] - a[1]).slice(0, SHOWN_LABELS)
    this.source = {
      ...{ source, clips: count, complete: done },
      kind: source.startsWith('camera:') ? 'camera' : 'video',
      seconds: Math.max(0, this.#end - this.#start),
      labels: labels.map(([label, clips]) => ({ label, share: clips / Math.max(1, count) })),
    }
    this.words = [source, ...leads.keys()].join('\n').toLowerCase()
  }

  get #start(): number {
    return this.#starts[0] ?? 0
  }

  get #end(): number {
    return this.#ends.reduce((latest, end) => Math.max(latest, end), 0)
  }

  /** The best label of the clip around a time. */
  labelAt(time: number): string | undefined {
    const i = this.#starts.findIndex((start, at) => start <= time && time <= (this.#ends[at] ?? 0))
    return i < 0 ? undefined : this.#names[this.#labels[i * KEPT] ?? NONE]
  }

  /** Where each of the leading labels holds, clips that follow each other joined. */
  timeline(episodes: readonly Episode[]): Omit<Timeline, 'source'> {
    const tracks = new Map<number, { start: number; end: number; score: number }[]>()
    const weights = new Map<number, number>()
    for (let i = 0; i < this.#starts.length; i++) {
      const [start, end] = [this.#starts[i] ?? 0, this.#ends[i] ?? 0]
      for (let k = 0; k < KEPT; k++) {
        const label = this.#labels[i * KEPT + k] ?? NONE
        const score = this.#scores[i * KEPT + k] ?? 0
        if (label === NONE || (k > 0 && score < NOTABLE)) continue
        weights.set(label, (weights.get(label) ?? 0) + (end - start) * score)
        const spans = tracks.get(label) ?? []
        tracks.set(label, spans)
        const last = spans.at(-1)
        if (last !== undefined && start <= last.end + 0.05) {
          last.end = Math.max(last.end, end)
          last.score = Math.max(last.score, score)
        } else spans.push({ start, end, score })
      }
    }
    const leading = [...tracks].sort((a, b) => (weights.get(b[0]) ?? 0) - (weights.get(a[0]) ?? 0))
    return {
      ...{ start: this.#startShown, end: this.#end, episodes: [...episodes] },
      tracks: leading.slice(0, TRACKS).map(([label, spans]) => ({
        label: this.#names[label] ?? '',
        spans: [...joined(spans)],
      })),
    }
  }

  /** A video is shown from its beginning, a camera from its first clip. */
  get #startShown(): number {
    return this.source.kind === 'camera' ? this.#start : 0
  }
}

/** At most `MOST_SPANS`: the narrowest gaps are closed. */
function joined(spans: readonly { start: number; end: number; score: number }[]) {
  if (spans.length <= MOST_SPANS) return spans
  const gaps = spans.slice(1).map(({ start }, i) => start - (spans[i]?.end ?? 0))
  const bound = [...gaps].sort((a, b) => b - a)[MOST_SPANS - 1] ?? 0
  const wide: { start: number; end: number; score: number }[] = []
  spans.forEach((span, i) => {
    const last = wide.at(-1)
    if (last !== undefined && ((gaps[i - 1] ?? 0) <= bound || wide.length >= MOST_SPANS)) {
      last.end = Math.max(last.end, span.end)
      last.score = Math.max(last.score, span.score)
    } else wide.push({ ...span })
  })
  return wide
}
