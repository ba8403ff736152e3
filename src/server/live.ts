import type { EventRecord, LabelsRecord } from '../connect/kafka/records.js'
import type { Camera, Episode } from './schemas.js'

const CAMERA = 'camera:'
const MOST_EPISODES = 5000
const MOST_SEEN = 20_000
const MOST_CAMERAS = 10_000
const LABELS = 3
/** Times below are no seconds since 1970. */
const CALENDAR = 1e9

/** What the page minds of a record of the topic `labels`. */
export interface LabelsSeen extends Pick<LabelsRecord, 'source' | 'start' | 'end'> {
  readonly labels: readonly Pick<LabelsRecord['labels'][number], 'label' | 'score'>[]
}

/** What it minds of a record of the topic `events`. */
export type EventSeen = Omit<EventRecord, 'clip_ids'>

type Media = Pick<EventRecord, 'thumbnail' | 'video'>

type Known = Omit<Camera, 'state'> & { readonly down: boolean }

/** Cameras and episodes as the topics tell of them, in whatever order and however often records come. */
export class Live {
  readonly #quietAfter: number
  readonly #cameras = new Map<string, Known>()
  readonly #episodes = new Map<string, Episode>()
  readonly #media = new Map<string, Media>()
  readonly #seen = new Set<string>()
  readonly #changedCameras = new Set<string>()
  readonly #changedEpisodes = new Set<string>()
  readonly #shown = new Map<string, Camera['state']>()

  /** @param quietAfter seconds without a label after which a camera is called quiet */
  constructor(quietAfter: number) {
    this.#quietAfter = quietAfter
  }

  /** @param at when the record was written, seconds since 1970 */
  labels({ source, start, end, labels }: LabelsSeen, at: number): void {
    if (!source.startsWith(CAMERA)) return
    const before = this.#camera(source)
    const seen = end > CALENDAR ? end : at
    if (before === undefined || (before.lastSeen ?? 0) > seen) return
    const best = labels.slice(0, LABELS).map(({ label, score }) => ({ label, score }))
    // Who was seen after it went is back. Clips from before come later than the news that it went.
    const back = before.down && (start > CALENDAR ? start : at) >= (before.since ?? 0)
    this.#set({
      ...{ ...before, labels: best, lastSeen: seen },
      ...(back && { down: false, since: seen, code: null, detail: null }),
    })
  }

  events(event: EventSeen): void {
    if (this.#seen.has(event.event_id)) return
    this.#seen.add(event.event_id)
    if (this.#seen.size > MOST_SEEN) this.#seen.delete(this.#seen.values().next().value as string)
    if (event.source.startsWith(CAMERA) && event.kind.startsWith('camera-')) this.#state(event)
    // That a camera came up is the end of its being down, where it was.
    if (event.kind === 'camera-up' && !this.#episodes.has(event.episode_id)) return
    this.#episode(event)
  }

  cameras(now: number): readonly Camera[] {
    const all = [...this.#cameras.values()].map((known) => this.#shownAs(known, now))
    return all.sort((a, b) => a.source.localeCompare(b.source, undefined, { numeric: true }))
  }

  /** Open ones first, then the newest. */
  episodes(most = 500): readonly Episode[] {
    return [...this.#episodes.values()].sort(byUrgency).slice(0, most)
  }

  episodesOf(source: string): readonly Episode[] {
    return [...this.#episodes.values()].filter((one) => one.source === source).sort(byUrgency)
  }

  /** Where an episode's picture and video lie, as its messages say. */
  mediaOf(episode: string): Media | undefined {
    return this.#media.get(episode)
  }

  /** What changed since the last call, cameras that fell quiet included. */
  changes(now: number): { readonly cameras: readonly Camera[]; readonly episodes: readonly Episode[] } {
    for (const known of this.#cameras.values()) {
      const { source, state } = this.#shownAs(known, now)
      if (this.#shown.get(source) !== state) this.#changedCameras.add(source)
      this.#shown.set(source, state)
    }
    const cameras = [...this.#changedCameras].map((source) =>
      this.#shownAs(this.#cameras.get(source) as Known, now),
    )
    const episodes = [...this.#changedEpisodes].flatMap((id) => this.#episodes.get(id) ?? [])
    this.#changedCameras.clear()
    this.#changedEpisodes.clear()
    return { cameras, episodes }
  }

  #camera(source: string): Known | undefined {
    const known = this.#cameras.get(source)
    if (known !== undefined || this.#cameras.size >= MOST_CAMERAS) return known
    return { source, down: false, since: null, lastSeen: null, labels: [], code: null, detail: null }
  }

  #set(known: Known): void {
    this.#cameras.set(known.source, known)
    this.#changedCameras.add(known.source)
  }

  #state({ source, kind, start, end, code, detail }: EventSeen): void {
    const before = this.#camera(source)
    const at = kind === 'camera-gap' ? (end ?? start) : start
    if (before === undefined || (before.since ?? 0) > at || kind === 'camera-gap') return
    const down = kind === 'camera-down'
    this.#set({ ...before, down, since: at, code: down ? code : null, detail: down ? detail : null })
  }

  #episode(event: EventSeen): void {
    const { episode_id: id, source, kind, start, end, thumbnail, video } = event
    const before = this.#episodes.get(id)
    const closes = kind === 'rule-closed' || kind === 'camera-up' || kind === 'camera-gap' || end !== null
    const ended = closes ? (end ?? start) : null
    const peak = Math.max(before?.peak ?? 0, event.peak ?? 0)
    const media = {
      thumbnail: thumbnail ?? this.#media.get(id)?.thumbnail ?? null,
      video: video ?? this.#media.get(id)?.video ?? null,
    }
    this.#media.set(id, media)
    this.#episodes.set(id, {
      ...{ id, source, kind: kindOf(before?.kind, kind) },
      // The end may be read before the beginning.
      open: before?.open === false ? false : ended === null,
      start: Math.min(before?.start ?? start, start),
      end: before?.end ?? ended,
      rule: event.rule ?? before?.rule ?? null,
      label: event.label ?? before?.label ?? null,
      peak: event.peak === null && (before?.peak ?? null) === null ? null : peak,
      code: event.code ?? before?.code ?? null,
      detail: event.detail ?? before?.detail ?? null,
      picture: media.thumbnail !== null,
      video: media.video !== null,
    })
    this.#changedEpisodes.add(id)
    if (this.#episodes.size > MOST_EPISODES) this.#forget()
  }

  /** The oldest that is over; were all open, the oldest. */
  #forget(): void {
    const all = [...this.#episodes.values()].sort(byUrgency)
    const last = all.at(-1)
    if (last === undefined) return
    this.#episodes.delete(last.id)
    this.#media.delete(last.id)
  }

  #shownAs({ down, ...known }: Known, now: number): Camera {
    const isQuiet = now - (known.lastSeen ?? known.since ?? 0) > this.#quietAfter
    return { ...known, state: down ? 'down' : isQuiet ? 'quiet' : 'up' }
  }
}

function kindOf(before: Episode['kind'] | undefined, kind: string): Episode['kind'] {
  if (kind.startsWith('rule-')) return 'rule'
  if (kind === 'camera-down' || kind === 'camera-gap') return kind
  return before ?? 'other'
}

function byUrgency(a: Episode, b: Episode): number {
  return Number(b.open) - Number(a.open) || b.start - a.start || (a.id < b.id ? -1 : 1)
}
