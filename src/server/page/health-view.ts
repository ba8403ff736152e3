import type { Health, Letter, Letters } from '../schemas.js'
import { api, Refused } from './api.js'
import { type Child, fill, h, say, svg } from './dom.js'
import { ago, plural, short } from './format.js'
import { failed, loading } from './states.js'
import { hear } from './stream.js'
import type { View } from './view.js'

const BARS = 90
const SHOWN = 100

/** How the pipeline fares, and what failed in it. */
export function healthView(): View {
  const tiles = h('div', { class: 'tiles' })
  const groups = h('section', { 'aria-labelledby': 'groups' })
  const list = h('ol', { class: 'letters' })
  const count = h('p', { class: 'summary' })
  const told = h('p', { class: 'note', role: 'status' })
  const retry = h('button', { type: 'button', on: { click: () => void again() } }, 'Send again')
  const failures = h(
    'section',
    { 'aria-labelledby': 'failures' },
    h('h2', { id: 'failures' }, 'Dead letters'),
    count,
    retry,
    told,
    list,
  )
  const body = h('div', {}, loading('Asking how it goes …'))
  const element = h('main', { class: 'view health' }, h('h1', { tabindex: '-1' }, 'Health'), body)

  const show = (health: Health): void => {
    fill(tiles, throughput(health), results(health), kafka(health), search(health))
    fill(groups, ...progress(health))
  }

  const showLetters = ({ letters, waiting, retriable }: Letters): void => {
    say(count, waiting === 0 ? 'None waits.' : `${plural(waiting, 'dead letter')} waiting.`)
    retry.hidden = retriable === 0
    say(retry, retriable === 1 ? 'Send it again' : `Send ${retriable} again`)
    fill(list, ...letters.slice(0, SHOWN).map(letterRow))
    const onlyStored = waiting > 0 && retriable === 0
    if (onlyStored && told.textContent === '')
      say(told, 'The next backfill with the same command tries these again.')
  }

  const again = async (): Promise<void> => {
    retry.disabled = true
    say(told, 'Sending …')
    try {
      const { sent } = await api.retry()
      say(told, `${plural(sent, 'dead letter')} went to their topics again.`)
    } catch (error) {
      say(told, error instanceof Refused ? `${error.message} ${error.hint}` : String(error))
    }
    retry.disabled = false
    await loadLetters()
  }

  const loadLetters = async (): Promise<void> => {
    const letters = await api.letters().catch(() => undefined)
    if (letters !== undefined) showLetters(letters)
  }

  const load = async (): Promise<void> => {
    try {
      show(await api.health())
      await loadLetters()
      if (tiles.parentElement === null) fill(body, tiles, groups, failures)
    } catch (error) {
      fill(
        body,
        failed(error, () => void load()),
      )
    }
  }

  hear<Health>('health', (health) => {
    if (element.isConnected) show(health)
  })
  for (const topic of ['letters', 'library', 'hello'] as const) {
    hear(topic, () => {
      if (element.isConnected) void load()
    })
  }

  return { title: 'Health', element, enter: () => void load() }
}

function tile(name: string, value: string, ...more: readonly Child[]): HTMLElement {
  return h(
    'section',
    { class: 'tile', 'aria-label': name },
    h('h2', {}, name),
    h('p', { class: 'value num' }, value),
    ...more,
  )
}

function throughput({
  throughput: { perMinute, buckets, bucketSeconds },
  kafka: broker,
}: Health): HTMLElement | false {
  if (broker === null) return false
  const shown = buckets.slice(-BARS)
  const most = Math.max(1, ...shown)
  const bars = shown.map((value, i) =>
    svg('rect', {
      x: BARS - shown.length + i,
      y: 30 - (value / most) * 30,
      width: 0.8,
      height: (value / most) * 30,
    }),
  )
  const minutes = Math.round((BARS * bucketSeconds) / 60)
  return tile(
    'Throughput',
    `${perMinute.toLocaleString()} clips/min`,
    svg(
      'svg',
      {
        viewBox: `0 0 ${BARS} 30`,
        preserveAspectRatio: 'none',
        class: 'spark',
        role: 'img',
        'aria-label': `Clips over the last ${minutes} minutes`,
      },
      ...bars,
    ),
    h('p', { class: 'soft' }, `labelled over the last ${minutes} minutes`),
  )
}

function results({ results: stored }: Health): HTMLElement | false {
  if (stored === null) return false
  const { videos, clips, failures, writtenAt, error, place } = stored
  return tile(
    'Results',
    plural(clips, 'clip'),
    h('p', { class: 'soft' }, `${plural(videos, 'source')}, ${plural(failures, 'failure')}`),
    h(
      'p',
      { class: 'soft' },
      writtenAt === null ? 'none written yet' : `written ${ago(Date.parse(writtenAt) / 1000)}`,
    ),
    h('p', { class: 'soft name' }, place),
    error !== null && h('p', { class: 'bad' }, error),
  )
}

function kafka({ kafka: broker }: Health): HTMLElement {
  if (broker === null)
    return tile('Broker', 'Not read', h('p', { class: 'soft' }, 'Add --brokers to watch cameras.'))
  const { connected, error } = broker
  return tile(
    'Broker',
    connected ? 'Connected' : 'Not connected',
    error !== null && h('p', { class: 'bad' }, error),
  )
}

function search({ search: { ready, what }, version, startedAt }: Health): HTMLElement {
  return tile(
    'Search',
    ready ? 'Ready' : 'Not ready',
    h('p', { class: 'soft' }, what),
    h('p', { class: 'soft' }, `stanflow ${version}, up since ${new Date(startedAt).toLocaleString()}`),
  )
}

function progress({ kafka: broker }: Health): readonly HTMLElement[] {
  if (broker === null || broker.groups.length === 0) return []
  const rows = broker.groups.map(({ group, topic, lag, members }) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, group),
      h('td', {}, topic),
      h('td', { class: 'num' }, lag.toLocaleString()),
      h('td', { class: 'num' }, members === null ? '–' : members === 0 ? 'none runs' : String(members)),
    ),
  )
  return [
    h('h2', { id: 'groups' }, 'Jobs'),
    h(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Jobs and their lag' },
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h('tr', {}, ...['Group', 'Topic', 'Lag', 'Running'].map((text) => h('th', { scope: 'col' }, text))),
        ),
        h('tbody', {}, ...rows),
      ),
    ),
  ]
}

function letterRow({ source, from, code, message, hint, attempts, failedAt, state }: Letter): HTMLLIElement {
  return h(
    'li',
    { class: `letter ${state}` },
    h(
      'p',
      {},
      h('code', {}, code),
      ' ',
      h('span', { class: 'badge' }, state === 'sent' ? 'Sent again' : 'Waiting'),
    ),
    h('p', {}, h('bdi', { title: source }, source === '' ? '(no key)' : short(source)), `: ${message}`),
    h('p', { class: 'soft' }, hint),
    h(
      'p',
      { class: 'soft num' },
      `${from}, ${plural(attempts, 'attempt')}, ${ago(Date.parse(failedAt) / 1000)}`,
    ),
  )
}
