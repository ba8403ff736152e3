import type { Camera } from '../schemas.js'
import { CameraCard, EpisodeList } from './cards.js'
import { type Child, fill, h, say } from './dom.js'
import { plural } from './format.js'
import { now } from './now.js'
import { Player } from './player.js'
import { command, empty, failed, loading } from './states.js'
import type { View } from './view.js'

const SHOWN_EPISODES = 6

/** Cameras as they are now, and what is open. */
export function liveView(): View {
  const cards = new Map<string, CameraCard>()
  const player = new Player({ closed: () => undefined })
  const summary = h('p', { class: 'summary', role: 'status' })
  const wall = h('ul', { class: 'wall' })
  const open = new EpisodeList(player)
  const events = h(
    'section',
    { 'aria-labelledby': 'open-events' },
    h('h2', { id: 'open-events' }, 'Open events'),
    open.element,
  )
  const cameras = h('section', { 'aria-labelledby': 'cameras' }, h('h2', { id: 'cameras' }, 'Cameras'), wall)
  const body = h('div', {})
  const element = h(
    'main',
    { class: 'view live' },
    h('h1', { tabindex: '-1' }, 'Live'),
    summary,
    player.element,
    body,
  )

  const content = (): readonly Child[] => {
    if (now.state === 'loading') return [loading('Asking for the cameras …')]
    if (now.state !== 'ready') return [failed(now.state, () => void now.load())]
    if (!now.isLive) return [withoutBroker()]
    return [events, now.cameras.size === 0 ? withoutCameras() : cameras]
  }

  const render = (): void => {
    if (!element.isConnected) return
    const wanted = content()
    // What stays is left where it is, so that nobody loses their place.
    if (wanted.length !== body.children.length || wanted.some((one, i) => body.children[i] !== one)) {
      fill(body, ...wanted)
    }
    const all = [...now.cameras.values()].sort((a, b) => rank(a) - rank(b) || byName(a, b))
    all.forEach((camera, i) => {
      const card = cards.get(camera.source) ?? new CameraCard(camera)
      cards.set(camera.source, card)
      card.show(camera)
      if (wall.children[i] !== card.element) wall.insertBefore(card.element, wall.children[i] ?? null)
    })
    while (wall.children.length > all.length) wall.lastElementChild?.remove()
    say(summary, all.length === 0 ? '' : counts(all))
    const opened = now.episodes.filter((one) => one.open)
    events.hidden = opened.length === 0
    open.show(opened.slice(0, SHOWN_EPISODES))
  }
  now.onChange(render)

  return {
    title: 'Live',
    element,
    enter: () => {
      render()
      if (now.state !== 'ready') void now.load()
    },
    tick: () => {
      for (const card of cards.values()) card.tick()
    },
    leave: () => {
      if (player.shown) player.close()
    },
  }
}

const withoutBroker = (): HTMLElement =>
  empty(
    'No cameras here yet',
    h('p', {}, 'This page shows stored results. To watch cameras as well, start it with a broker:'),
    command('stanflow serve out --brokers host:9092'),
  )

const withoutCameras = (): HTMLElement =>
  empty(
    'No camera has been heard of',
    h('p', {}, 'The broker is read. The first label of a camera will appear here by itself.'),
  )

function counts(all: readonly Camera[]): string {
  const count = (wanted: Camera['state']): number => all.filter(({ state }) => state === wanted).length
  const parts = [plural(all.length, 'camera'), `${count('up')} up`]
  if (count('quiet') > 0) parts.push(`${count('quiet')} quiet`)
  if (count('down') > 0) parts.push(`${count('down')} down`)
  return parts.join(' · ')
}

/** What needs a person comes first. */
const rank = ({ state }: Camera): number => ({ down: 0, quiet: 1, up: 2 })[state]
const byName = (a: Camera, b: Camera): number =>
  a.source.localeCompare(b.source, undefined, { numeric: true })
