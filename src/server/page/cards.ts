import type { Camera, Episode } from '../schemas.js'
import { address } from './api.js'
import { h, say } from './dom.js'
import { ago, at, colour, lasting, percent, short } from './format.js'
import type { Player } from './player.js'

const STATES: Readonly<Record<Camera['state'], string>> = { up: 'Up', quiet: 'Quiet', down: 'Down' }

export const stateName = (state: Camera['state']): string => STATES[state]

/** A bar as long as a score, in the label's colour. */
export function scored(label: string, score: number): HTMLElement {
  const bar = h('meter', {
    min: 0,
    max: 1,
    value: score,
    class: colour(label),
    'aria-label': `score of ${label}`,
  })
  return h('li', {}, h('span', { class: 'name' }, label), bar, h('span', { class: 'num' }, percent(score)))
}

/** A camera on the wall; it is kept and changed, so that a person's place on the page stays. */
export class CameraCard {
  readonly element: HTMLLIElement
  readonly #badge = h('span', { class: 'badge' })
  readonly #best = h('p', { class: 'best' })
  readonly #labels = h('ol', { class: 'scores' })
  readonly #seen = h('p', { class: 'soft num seen' })
  readonly #why = h('p', { class: 'why' })
  #camera: Camera

  constructor(camera: Camera) {
    this.#camera = camera
    const name = h(
      'a',
      { href: `#/source?name=${encodeURIComponent(camera.source)}`, title: camera.source },
      short(camera.source),
    )
    this.element = h(
      'li',
      { class: 'camera' },
      h('div', { class: 'head' }, h('h3', {}, name), this.#badge),
      this.#best,
      this.#labels,
      this.#why,
      this.#seen,
    )
    this.element.dataset.source = camera.source
    this.show(camera)
  }

  show(camera: Camera): void {
    this.#camera = camera
    const { state, labels, code, detail, source } = camera
    const [best, ...rest] = labels
    this.element.dataset.state = state
    say(this.#badge, stateName(state))
    const label = best === undefined ? 'No label yet' : `${best.label}`
    say(this.#best, label)
    this.#best.className = `best ${colour(best?.label)}`
    this.#labels.replaceChildren(
      ...(best === undefined ? [] : [best, ...rest]).map((one) => scored(one.label, one.score)),
    )
    this.#labels.setAttribute('aria-label', `Labels of ${short(source)}`)
    say(this.#why, state === 'down' ? (detail ?? code ?? 'It went away.') : '')
    this.tick()
  }

  tick(): void {
    const { state, since, lastSeen } = this.#camera
    const seen = lastSeen === null ? 'never seen' : `last seen ${ago(lastSeen)}`
    const down = state === 'down' && since !== null ? `down for ${lasting(Date.now() / 1000 - since)}, ` : ''
    say(this.#seen, `${down}${seen}`)
  }
}

const KINDS: Readonly<Record<Episode['kind'], string>> = {
  rule: 'Rule',
  'camera-down': 'Camera down',
  'camera-gap': 'Gap',
  other: 'Event',
}

/** What an episode is called. */
export const titleOf = ({ kind, rule, label }: Episode): string =>
  kind === 'rule' ? (rule ?? label ?? 'A rule') : KINDS[kind]

/** Episodes in order; rows that did not change are left alone, so that a person's place on the page stays. */
export class EpisodeList {
  readonly element = h('ol', { class: 'episodes' })
  readonly #player: Player
  readonly #rows = new Map<string, { readonly of: string; readonly row: HTMLElement }>()

  constructor(player: Player) {
    this.#player = player
  }

  show(episodes: readonly Episode[]): void {
    const rows = episodes.map((episode) => {
      const of = JSON.stringify(episode)
      const known = this.#rows.get(episode.id)
      const row = known?.of === of ? known.row : episodeRow(episode, () => this.#play(episode))
      this.#rows.set(episode.id, { of, row })
      return row
    })
    rows.forEach((row, i) => {
      if (this.element.children[i] !== row) this.element.insertBefore(row, this.element.children[i] ?? null)
    })
    while (this.element.children.length > rows.length) this.element.lastElementChild?.remove()
    const shown = new Set(episodes.map(({ id }) => id))
    for (const id of this.#rows.keys()) if (!shown.has(id)) this.#rows.delete(id)
  }

  row(id: string): HTMLElement | undefined {
    return this.#rows.get(id)?.row
  }

  #play(episode: Episode): void {
    const { id, source, start, end } = episode
    this.#player.play({ source, episode: id, start, end: end ?? start, label: titleOf(episode) })
    this.#player.element.scrollIntoView({ block: 'nearest' })
  }
}

/** `play` is offered where there is a video. */
function episodeRow(episode: Episode, play: () => void): HTMLLIElement {
  const { id, source, open, start, end, label, peak, code, detail, picture, video } = episode
  const length = end === null ? 'still open' : `lasted ${lasting(end - start)}`
  const facts = [label, peak === null ? null : `peak ${percent(peak)}`, code, detail].filter(
    (one) => one !== null,
  )
  const row = h(
    'li',
    { class: 'episode' },
    picture && thumbnail(id),
    h(
      'div',
      { class: 'what' },
      h(
        'h3',
        {},
        h('span', { class: open ? 'badge open' : 'badge' }, open ? 'Open' : 'Over'),
        ' ',
        titleOf(episode),
      ),
      h(
        'p',
        {},
        h('a', { href: `#/source?${new URLSearchParams({ name: source })}`, title: source }, short(source)),
      ),
      h('p', { class: 'soft num' }, `${at(start)}, ${length}`),
      facts.length > 0 && h('p', { class: 'soft' }, facts.join(' · ')),
    ),
    video &&
      h(
        'button',
        { type: 'button', 'aria-label': `Play ${titleOf(episode)} of ${short(source)}`, on: { click: play } },
        'Play',
      ),
  )
  row.dataset.episode = id
  return row
}

function thumbnail(episode: string): HTMLElement {
  const image = h('img', {
    class: 'thumb',
    alt: '',
    loading: 'lazy',
    src: address('/api/picture', { episode }),
  })
  image.addEventListener('error', () => image.classList.add('none'))
  return image
}
