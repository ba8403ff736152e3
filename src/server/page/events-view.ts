import type { Episode } from '../schemas.js'
import { api } from './api.js'
import { episodeRow } from './cards.js'
import { fill, h, say } from './dom.js'
import { plural, short } from './format.js'
import { Player } from './player.js'
import { command, empty, failed, loading } from './states.js'
import { hear } from './stream.js'
import type { View } from './view.js'

const SHOWN = 200

/** Episodes: open ones first, then the newest. */
export function eventsView(): View {
  const episodes = new Map<string, Episode>()
  let isLive = true
  let state: 'loading' | 'ready' | Error = 'loading'
  const summary = h('p', { class: 'summary', role: 'status' })
  const list = h('ol', { class: 'episodes' })
  const player = new Player({ closed: () => undefined })
  const body = h('div', {})
  const element = h(
    'main',
    { class: 'view' },
    h('h1', { tabindex: '-1' }, 'Events'),
    summary,
    player.element,
    body,
  )

  const render = (): void => {
    if (state === 'loading') return fill(body, loading('Asking for events …'))
    if (state !== 'ready')
      return fill(
        body,
        failed(state, () => void load()),
      )
    if (episodes.size === 0) {
      return fill(
        body,
        isLive
          ? empty(
              'Nothing has happened',
              h('p', {}, 'What rules find, and cameras that go away, will appear here by itself.'),
            )
          : empty(
              'No events here',
              h('p', {}, 'Events come from a broker:'),
              command('stanflow serve out --brokers host:9092'),
            ),
      )
    }
    const all = [...episodes.values()].sort(
      (a, b) => Number(b.open) - Number(a.open) || b.start - a.start || (a.id < b.id ? -1 : 1),
    )
    const open = all.filter((one) => one.open).length
    say(summary, `${open === 0 ? 'none open' : `${open} open`} · ${plural(all.length, 'event')}`)
    fill(list, ...all.slice(0, SHOWN).map((one) => episodeRow(one, play)))
    fill(body, list, all.length > SHOWN && h('p', { class: 'soft' }, `The first ${SHOWN} are shown.`))
  }

  const play = ({ id, source, start, end, rule }: Episode): void => {
    player.play({ source, episode: id, start, end: end ?? start, label: rule ?? short(source) })
    player.element.scrollIntoView({ block: 'nearest' })
  }

  const load = async (): Promise<void> => {
    try {
      const now = await api.live()
      isLive = now.live
      episodes.clear()
      for (const one of now.episodes) episodes.set(one.id, one)
      state = 'ready'
    } catch (error) {
      state = error instanceof Error ? error : new Error(String(error))
    }
    render()
  }

  hear<readonly Episode[]>('episodes', (found) => {
    for (const one of found) episodes.set(one.id, one)
    if (element.isConnected) render()
  })
  hear('hello', () => void load())

  return {
    title: 'Events',
    element,
    enter: () => {
      render()
      if (state !== 'ready') void load()
    },
    leave: () => {
      if (player.shown) player.close()
    },
  }
}
