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
  now.onChange(() => {
    render()
    point()
  })
  /** The one that the address names is shown once: it is not to be jumped back to. */
  let wanted: string | null = null
  const point = (): void => {
    if (wanted === null || now.state !== 'ready' || !element.isConnected) return
    const row = list.row(wanted)
    for (const other of list.element.querySelectorAll('[aria-current]')) other.removeAttribute('aria-current')
    row?.setAttribute('aria-current', 'true')
    row?.scrollIntoView({ block: 'center' })
    wanted = null
  }

  return {
    title: 'Events',
    element,
    enter: (query) => {
      wanted = query.get('episode')
      render()
      // The view has just been put into the page, and its heading gets the focus after this.
      setTimeout(point)
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
