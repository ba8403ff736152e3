import type { Camera, Episode } from '../schemas.js'
import { api } from './api.js'
import { CameraCard, episodeRow } from './cards.js'
import { fill, h, say } from './dom.js'
import { plural, short } from './format.js'
import { Player } from './player.js'
import { command, empty, failed, loading } from './states.js'
import { hear } from './stream.js'
import type { View } from './view.js'

const SHOWN_EPISODES = 6

/** Cameras as they are now, and what is open. */
export function liveView(): View {
  const cards = new Map<string, { card: CameraCard; camera: Camera }>()
  const episodes = new Map<string, Episode>()
  let isLive = true
  let state: 'loading' | 'ready' | Error = 'loading'
  const summary = h('p', { class: 'summary', role: 'status' })
  const wall = h('ul', { class: 'wall' })
  const open = h('ol', { class: 'episodes' })
  const player = new Player({ closed: () => undefined })
  const events = h(
    'section',
    { 'aria-labelledby': 'open-events' },
    h('h2', { id: 'open-events' }, 'Open events'),
    open,
  )
  const body = h('div', {})
  const element = h(
    'main',
    { class: 'view live' },
    h('h1', { tabindex: '-1' }, 'Live'),
    summary,
    player.element,
    body,
  )

  const render = (): void => {
    if (state === 'loading') return fill(body, loading('Asking for the cameras …'))
    if (state !== 'ready')
      return fill(
        body,
        failed(state, () => void load()),
      )
    if (!isLive) {
      say(summary, '')
      return fill(
        body,
        empty(
          'No cameras here yet',
          h('p', {}, 'This page shows stored results. To watch cameras as well, start it with a broker:'),
          command('stanflow serve out --brokers host:9092'),
        ),
      )
    }
    if (cards.size === 0) {
      say(summary, '')
      return fill(
        body,
        empty(
          'No camera has been heard of',
          h('p', {}, 'The broker is read. The first label of a camera will appear here by itself.'),
        ),
        episodes.size > 0 && events,
      )
    }
    if (wall.parentElement === null || events.parentElement === null)
      fill(body, events, h('h2', {}, 'Cameras'), wall)
    arrange()
  }

  const arrange = (): void => {
    const all = [...cards.values()].sort(
      (a, b) => rank(a.camera) - rank(b.camera) || byName(a.camera, b.camera),
    )
    all.forEach(({ card }, i) => {
      if (wall.children[i] !== card.element) wall.insertBefore(card.element, wall.children[i] ?? null)
    })
    const count = (wanted: Camera['state']): number =>
      all.filter(({ camera }) => camera.state === wanted).length
    const parts = [plural(all.length, 'camera'), `${count('up')} up`]
    if (count('quiet') > 0) parts.push(`${count('quiet')} quiet`)
    if (count('down') > 0) parts.push(`${count('down')} down`)
    say(summary, parts.join(' · '))
    const opened = [...episodes.values()].filter((one) => one.open).sort((a, b) => b.start - a.start)
    events.hidden = opened.length === 0
    fill(open, ...opened.slice(0, SHOWN_EPISODES).map((one) => episodeRow(one, play)))
  }

  const play = ({ id, source, start, end, rule }: Episode): void => {
    player.play({ source, episode: id, start, end: end ?? start, label: rule ?? short(source) })
    player.element.scrollIntoView({ block: 'nearest' })
  }

  const take = (found: readonly Camera[]): void => {
    for (const camera of found) {
      const known = cards.get(camera.source)
      if (known === undefined) cards.set(camera.source, { card: new CameraCard(camera), camera })
      else {
        known.card.show(camera)
        known.camera = camera
      }
    }
  }

  const load = async (): Promise<void> => {
    try {
      const now = await api.live()
      isLive = now.live
      take(now.cameras)
      episodes.clear()
      for (const one of now.episodes) episodes.set(one.id, one)
      state = 'ready'
    } catch (error) {
      state = error instanceof Error ? error : new Error(String(error))
    }
    render()
  }

  hear<readonly Camera[]>('cameras', (found) => {
    take(found)
    render()
  })
  hear<readonly Episode[]>('episodes', (found) => {
    for (const one of found) episodes.set(one.id, one)
    render()
  })
  hear('hello', () => void load())

  return {
    title: 'Live',
    element,
    enter: () => {
      render()
      if (state !== 'ready') void load()
    },
    tick: () => {
      for (const { card } of cards.values()) card.tick()
    },
    leave: () => {
      if (player.shown) player.close()
    },
  }
}

/** What needs a person comes first. */
const rank = ({ state }: Camera): number => ({ down: 0, quiet: 1, up: 2 })[state]
const byName = (a: Camera, b: Camera): number =>
  a.source.localeCompare(b.source, undefined, { numeric: true })
