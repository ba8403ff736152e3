import type { Timeline } from '../schemas.js'
import { api } from './api.js'
import { fill, h, say } from './dom.js'
import { colour, lasting, percent, plural, short, span } from './format.js'
import { Player } from './player.js'
import { failed, loading } from './states.js'
import { hear } from './stream.js'
import { Tracks } from './tracks.js'
import type { View } from './view.js'

/** Seconds from a time on that are played of a camera. */
const AT_ONCE = 4
const UNKNOWN = { episode: null, zero: null, playable: false, why: 'The server does not answer.' } as const

/** A source along its time. */
export function sourceView(): View {
  const title = h('h1', { tabindex: '-1' })
  const summary = h('p', { class: 'summary' })
  const body = h('div', {})
  const player = new Player()
  const element = h(
    'main',
    { class: 'view one' },
    h('p', {}, h('a', { href: '#/sources' }, '← Sources')),
    title,
    summary,
    player.element,
    body,
  )
  let name = ''

  const show = (timeline: Timeline, time: number | undefined): void => {
    const { source, start, end, tracks, episodes } = timeline
    const facts = [
      plural(source.clips, 'clip'),
      lasting(end - start),
      source.complete ? '' : 'not complete yet',
    ]
    say(summary, facts.filter((one) => one !== '').join(' · '))
    const drawn = new Tracks(timeline, (to, until) => {
      if (isCamera()) void playKept(to, until)
      else if (player.shown) player.seek(to)
      else player.play({ source: name, start: to, end: until, why: source.why })
    })
    player.onTime = (now) => drawn.mark(now)
    fill(
      body,
      tracks.length === 0 && h('p', { class: 'note' }, 'Its clips have no labels.'),
      drawn.element,
      h(
        'details',
        {},
        h('summary', {}, 'The same as a table'),
        h(
          'div',
          { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of labels' },
          table(timeline),
        ),
      ),
      episodes.length > 0 &&
        h(
          'p',
          { class: 'soft' },
          plural(episodes.length, 'event'),
          ' of it: ',
          h('a', { href: '#/events' }, 'Events'),
        ),
    )
    const from = time ?? start
    const there = tracks.flatMap(({ spans }) => spans).filter((one) => one.start <= from && one.end > from)
    // What is looked at goes on for as long as a label that begins there does.
    const until = Math.max(from + AT_ONCE, ...there.map((one) => one.end))
    if (isCamera()) {
      if (time !== undefined) void playKept(time, time + AT_ONCE)
    } else if (!player.shown)
      player.play({
        source: name,
        start: from,
        end: time === undefined ? end : until,
        why: source.why,
      })
    if (time === undefined) player.video.autoplay = false
  }

  const isCamera = (): boolean => name.startsWith('camera:')

  /** Of a camera there is what its events kept. */
  const playKept = async (start: number, end: number): Promise<void> => {
    const mine = name
    const { episode, zero, playable, why } = await api
      .footage({ source: mine, start, end })
      .catch(() => UNKNOWN)
    if (mine !== name) return
    player.play({
      ...{ source: mine, start, end, why: playable ? null : why },
      ...(episode !== null && { episode }),
      ...(zero !== null && { zero }),
    })
  }

  const load = async (time?: number): Promise<void> => {
    const mine = name
    try {
      const timeline = await api.timeline(mine)
      if (mine === name) show(timeline, time)
    } catch (error) {
      if (mine === name)
        fill(
          body,
          failed(error, () => void load(time)),
        )
    }
  }
  hear('library', () => {
    if (element.isConnected) void load()
  })

  return {
    title: 'Source',
    element,
    enter: (query) => {
      name = query.get('name') ?? ''
      say(title, short(name))
      title.title = name
      say(summary, '')
      fill(body, loading('Reading its timeline …'))
      if (player.shown) player.close()
      const time = Number(query.get('t') ?? Number.NaN)
      void load(Number.isFinite(time) ? time : undefined)
    },
    leave: () => {
      name = ''
      player.close()
    },
  }
}

function table({ tracks }: Timeline): HTMLElement {
  const rows = tracks
    .flatMap(({ label, spans }) => spans.map((one) => ({ label, ...one })))
    .sort((a, b) => a.start - b.start)
  return h(
    'table',
    {},
    h(
      'thead',
      {},
      h('tr', {}, ...['Time', 'Label', 'Best score'].map((text) => h('th', { scope: 'col' }, text))),
    ),
    h(
      'tbody',
      {},
      ...rows.map(({ label, start, end, score }) =>
        h(
          'tr',
          {},
          h('td', { class: 'num' }, span(start, end)),
          h('td', {}, h('span', { class: `dot ${colour(label)}`, 'aria-hidden': 'true' }), ' ', label),
          h('td', { class: 'num' }, percent(score)),
        ),
      ),
    ),
  )
}
