import type { Source } from '../schemas.js'
import { address, api } from './api.js'
import { fill, h, say } from './dom.js'
import { colour, lasting, percent, plural, short } from './format.js'
import { command, empty, failed, loading } from './states.js'
import { hear } from './stream.js'
import type { View } from './view.js'

const PAGE = 60
const PAUSE_MS = 200

/** All that is stored, by name. */
export function sourcesView(): View {
  const summary = h('p', { class: 'summary', role: 'status' })
  const list = h('ul', { class: 'sources' })
  const more = h('button', { type: 'button', on: { click: () => void load(true) } }, 'Show more')
  const box = h('input', { type: 'search', id: 'find-source', autocomplete: 'off', spellcheck: 'false' })
  const body = h('div', {})
  const element = h(
    'main',
    { class: 'view' },
    h('h1', { tabindex: '-1' }, 'Sources'),
    h('div', { class: 'narrow' }, h('label', { for: 'find-source' }, 'Find by name or label'), box),
    summary,
    body,
  )
  let shown = 0
  let turn = 0
  let timer = 0

  const load = async (further = false): Promise<void> => {
    const mine = ++turn
    const find = box.value.trim()
    if (!further && shown === 0) fill(body, loading('Reading the list …'))
    try {
      const offset = further ? shown : 0
      const { total, sources } = await api.sources({ offset, limit: PAGE, ...(find !== '' && { find }) })
      if (mine !== turn) return
      if (!further) fill(list)
      list.append(...sources.map(row))
      shown = offset + sources.length
      more.hidden = shown >= total
      say(summary, plural(total, 'source'))
      if (total > 0) fill(body, list, more)
      else if (find !== '')
        fill(
          body,
          empty('No source is called that', h('p', {}, 'Words are looked for in names and in labels.')),
        )
      else {
        fill(
          body,
          empty(
            'Nothing is stored yet',
            h('p', {}, 'Results show up here as they are written, such as by:'),
            command('stanflow backfill videos/ --to out'),
          ),
        )
      }
    } catch (error) {
      if (mine === turn)
        fill(
          body,
          failed(error, () => void load()),
        )
    }
  }
  box.addEventListener('input', () => {
    clearTimeout(timer)
    timer = window.setTimeout(() => void load(), PAUSE_MS)
  })
  const again = (): void => {
    if (element.isConnected) void load()
  }
  hear('library', again)
  hear('hello', again)

  return { title: 'Sources', element, enter: () => void load() }
}

function row({ source, clips, seconds, complete, labels, playable, why }: Source): HTMLLIElement {
  const picture = h('img', {
    ...{
      class: 'thumb',
      alt: '',
      loading: 'lazy',
      src: address('/api/picture', { source, time: seconds / 2 }),
    },
  })
  picture.addEventListener('error', () => picture.classList.add('none'))
  const facts = [
    lasting(seconds),
    plural(clips, 'clip'),
    complete ? '' : 'not complete yet',
    playable ? '' : (why ?? ''),
  ]
  return h(
    'li',
    {},
    h(
      'a',
      { class: 'source', href: `#/source?${new URLSearchParams({ name: source })}`, title: source },
      playable ? picture : h('span', { class: 'thumb none', 'aria-hidden': 'true' }),
      h('span', { class: 'name' }, short(source)),
      h('span', { class: 'soft num' }, facts.filter((one) => one !== '').join(' · ')),
      h(
        'span',
        { class: 'tags' },
        ...labels.map(({ label, share }) =>
          h(
            'span',
            { class: `tag ${colour(label)}` },
            h('span', { class: 'dot', 'aria-hidden': 'true' }),
            `${label} ${percent(share)}`,
          ),
        ),
      ),
    ),
  )
}
