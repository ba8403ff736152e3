import { EpisodeList } from './cards.js'
import { type Child, fill, h, say } from './dom.js'
import { plural } from './format.js'
import { now } from './now.js'
import { Player } from './player.js'
import { command, empty, failed, loading } from './states.js'
import type { View } from './view.js'

const SHOWN = 200

/** Episodes: open ones first, then the newest. */
export function eventsView(): View {
  const player = new Player({ closed: () => undefined })
  const summary = h('p', { class: 'summary', role: 'status' })
  const list = new EpisodeList(player)
  const more = h('p', { class: 'soft' }, `The first ${SHOWN} are shown.`)
  const body = h('div', {})
  const element = h(
    'main',
    { class: 'view' },
    h('h1', { tabindex: '-1' }, 'Events'),
    summary,
    player.element,
    body,
  )

  const content = (): Child => {
    if (now.state === 'loading') return loading('Asking for events …')
    if (now.state !== 'ready') return failed(now.state, () => void now.load())
    if (now.episodes.length > 0) return list.element
    return now.isLive ? nothing() : withoutBroker()
  }

  const render = (): void => {
    if (!element.isConnected) return
    const all = now.episodes
    const wanted = content()
    if (body.firstElementChild !== wanted) fill(body, wanted, more)
    more.hidden = all.length <= SHOWN
    list.show(all.slice(0, SHOWN))
    const open = all.filter((one) => one.open).length
    say(
      summary,
      all.length === 0 ? '' : `${open === 0 ? 'none open' : `${open} open`} · ${plural(all.length, 'event')}`,
    )
  }
  now.onChange(render)

  return {
    title: 'Events',
    element,
    enter: () => {
      render()
      if (now.state !== 'ready') void now.load()
    },
    leave: () => {
      if (player.shown) player.close()
    },
  }
}

const nothing = (): HTMLElement =>
  empty(
    'Nothing has happened',
    h('p', {}, 'What rules find, and cameras that go away, will appear here by itself.'),
  )

const withoutBroker = (): HTMLElement =>
  empty(
    'No events here',
    h('p', {}, 'Events come from a broker:'),
    command('stanflow serve out --brokers host:9092'),
  )
