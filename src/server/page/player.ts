import { address, refusal } from './api.js'
import { h, say } from './dom.js'
import { at, short, span } from './format.js'

/** What is to be seen: a moment of a stored source, or what an episode brought along. */
export interface Playable {
  readonly source: string
  readonly episode?: string
  /** Where a moment of an episode's video is meant: when that begins, in the source's time. */
  readonly zero?: number
  readonly start: number
  readonly end: number
  readonly label?: string | null
  /** Why it cannot play, where that is known. */
  readonly why?: string | null
}

/** Seconds shown around a moment where it is cut out for a browser that cannot play the whole. */
const AROUND = 1
/** Seconds of an episode's video that are cut out so. */
const LONGEST = 30

/**
 * A player for moments. It plays the video itself, by ranges; where the browser cannot, a clip that the server makes of
 * the moment; where there is none either, a picture and why.
 */
export class Player {
  readonly element: HTMLElement
  readonly video: HTMLVideoElement
  readonly #title = h('h2', { tabindex: '-1' })
  readonly #facts = h('p', { class: 'soft num' })
  readonly #note = h('p', { class: 'note', role: 'status' })
  readonly #poster = h('img', { class: 'poster', alt: '', hidden: true })
  readonly #closed: () => void
  #what: Playable | undefined
  #kind: 'whole' | 'clip' = 'whole'
  /** Of the video's own zero, in seconds of the source. */
  #offset = 0
  #untilEnd = true
  onTime: (time: number) => void = () => undefined

  constructor(options: { readonly closed?: () => void } = {}) {
    this.#closed = options.closed ?? (() => undefined)
    this.video = h('video', { controls: true, playsinline: true, muted: true, preload: 'auto' })
    // The attribute alone does not mute what a script made.
    this.video.muted = true
    this.video.addEventListener('loadedmetadata', () => this.#loaded())
    this.video.addEventListener('timeupdate', () => this.#moved())
    this.video.addEventListener('error', () => void this.#broken())
    const close = h('button', { type: 'button', class: 'plain', on: { click: () => this.close() } }, 'Close')
    this.element = h(
      'section',
      { class: 'player', 'aria-label': 'Player', hidden: true },
      h('div', { class: 'stage' }, this.video, this.#poster),
      h(
        'div',
        { class: 'about' },
        h('div', {}, this.#title, this.#facts),
        options.closed !== undefined && close,
      ),
      this.#note,
    )
  }

  get shown(): boolean {
    return !this.element.hidden
  }

  /** Where the source is, in its own time. */
  get time(): number {
    return this.video.currentTime + this.#offset
  }

  play(what: Playable): void {
    this.#what = what
    this.element.hidden = false
    const when = span(what.start, what.end)
    say(this.#title, what.label ?? when)
    this.#title.title = what.source
    say(this.#facts, what.label ? `${short(what.source)}, ${when}` : short(what.source))
    say(this.#note, '')
    this.#poster.hidden = true
    this.video.hidden = false
    this.#untilEnd = true
    if (what.why !== undefined && what.why !== null) this.#cannot(what.why)
    else this.#load('whole')
  }

  /** Goes to a time of the source that is playing. */
  seek(time: number): void {
    this.#untilEnd = false
    if (this.#what === undefined || this.video.hidden) return
    if (this.#kind === 'whole') {
      this.video.currentTime = time - this.#offset
      void this.video.play().catch(() => undefined)
    } else this.play({ ...this.#what, start: time, end: time + 5 })
  }

  close(): void {
    this.video.pause()
    this.video.removeAttribute('src')
    this.video.load()
    this.element.hidden = true
    this.#what = undefined
    this.#closed()
  }

  #named(): { source?: string; episode?: string } {
    const { source, episode } = this.#what as Playable
    return episode === undefined ? { source } : { episode }
  }

  #load(kind: 'whole' | 'clip'): void {
    const { episode, zero, start, end } = this.#what as Playable
    this.#kind = kind
    const isMoment = episode === undefined || zero !== undefined
    // In the file's own time.
    const from = isMoment ? Math.max(0, start - (zero ?? 0) - AROUND) : 0
    const until = isMoment ? end - (zero ?? 0) + AROUND : LONGEST
    this.#offset = (zero ?? 0) + (kind === 'whole' ? 0 : from)
    this.video.dataset.kind = kind
    this.video.dataset.offset = String(this.#offset)
    this.video.src =
      kind === 'whole'
        ? address('/api/media', this.#named())
        : address('/api/preview', { ...this.#named(), start: from, end: until })
  }

  #loaded(): void {
    const what = this.#what
    if (what === undefined) return
    // Sound without a picture: the codec is not known here.
    if (this.video.videoWidth === 0) {
      void this.#broken()
      return
    }
    this.video.currentTime = isWholeEpisode(what) ? 0 : Math.max(0, what.start - this.#offset)
    void this.video
      .play()
      .catch(() => say(this.#note, 'Press play: the browser does not start it by itself.'))
  }

  #moved(): void {
    const what = this.#what
    if (what === undefined) return
    this.onTime(this.time)
    if (!isWholeEpisode(what) && this.#untilEnd && this.time >= what.end) {
      this.#untilEnd = false
      this.video.pause()
      say(this.#note, `That was the moment, up to ${at(what.end)}. Play goes on from there.`)
    }
  }

  async #broken(): Promise<void> {
    const what = this.#what
    if (what === undefined || this.video.getAttribute('src') === null) return
    if (this.#kind === 'whole') {
      say(this.#note, 'This browser cannot play the file itself; a clip of the moment is being made.')
      this.#load('clip')
      await this.#sayOnceItPlays()
      return
    }
    const failed = this.video.src
    const why = await fetch(failed, { headers: { range: 'bytes=0-0' } }).then(
      async (response) => (response.ok ? 'This browser plays no H.264.' : (await refusal(response)).message),
      () => 'The server does not answer.',
    )
    if (this.video.src === failed) this.#cannot(why)
  }

  #sayOnceItPlays(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        say(this.#note, 'A clip of the moment: the browser cannot play the file itself.')
        resolve()
      }
      this.video.addEventListener('playing', done, { once: true })
      this.video.addEventListener('error', () => resolve(), { once: true })
    })
  }

  #cannot(why: string): void {
    const what = this.#what as Playable
    this.video.removeAttribute('src')
    this.video.load()
    this.video.hidden = true
    this.#poster.hidden = false
    this.#poster.src = address('/api/picture', {
      ...this.#named(),
      time: what.episode === undefined ? Math.max(0, what.start) : undefined,
    })
    this.#poster.onerror = () => {
      this.#poster.hidden = true
    }
    say(this.#note, /^No footage/.test(why) ? why : `It cannot be played here. ${why}`)
  }
}

/** Its video is all there is to say when it begins. */
const isWholeEpisode = ({ episode, zero }: Playable): boolean => episode !== undefined && zero === undefined
