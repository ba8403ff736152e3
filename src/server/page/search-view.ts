import type { Found, Moment } from '../schemas.js'
import { address, api } from './api.js'
import { fill, find, h, say } from './dom.js'
import { colour, plural, short, span } from './format.js'
import { type Playable, Player } from './player.js'
import { empty, failed, loading } from './states.js'
import type { View } from './view.js'

const SUGGESTED = 8

/** Moments by what they show. */
export function searchView(): View {
  const summary = h('p', { class: 'summary', role: 'status' })
  const results = h('ol', { class: 'moments', 'aria-label': 'Moments' })
  const body = h('div', {})
  let asking = new AbortController()
  let playing: HTMLElement | undefined
  const player = new Player({
    closed: () => {
      playing?.removeAttribute('aria-current')
      playing?.querySelector('button')?.focus()
    },
  })
  const element = h(
    'main',
    { class: 'view search' },
    h('h1', { tabindex: '-1' }, 'Search'),
    summary,
    h('div', { class: 'columns' }, body, player.element),
  )
  results.addEventListener('keydown', (event) => move(event as KeyboardEvent, results))
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && element.isConnected && player.shown) player.close()
  })

  const play = (moment: Moment, card: HTMLElement): void => {
    playing?.removeAttribute('aria-current')
    playing = card
    card.setAttribute('aria-current', 'true')
    player.play(playableOf(moment))
    if (player.element.getBoundingClientRect().top < 0) player.element.scrollIntoView({ block: 'start' })
  }

  const show = ({ moments, tookMs, model, note }: Found, query: URLSearchParams): void => {
    const about = [plural(moments.length, 'moment'), `${tookMs} ms`, model].filter((one) => one !== null)
    say(summary, about.join(' · '))
    if (moments.length === 0) {
      fill(body, empty('Nothing like that was found', h('p', {}, 'Say it in other words, or ask for less.')))
      return
    }
    const like = (moment: Moment): string =>
      `#/search?${new URLSearchParams({ likeSource: moment.source, likeTime: String(moment.best) })}`
    fill(results, ...moments.map((moment) => momentCard(moment, like(moment), play)))
    fill(body, note !== null && h('p', { class: 'note' }, note), refined(query), results)
  }

  const ask = async (query: URLSearchParams): Promise<void> => {
    asking.abort()
    asking = new AbortController()
    const { signal } = asking
    const asked = Object.fromEntries(query)
    fill(body, loading('Searching …'))
    say(summary, '')
    try {
      const found = await api.search(asked, signal)
      if (!signal.aborted) show(found, query)
    } catch (error) {
      if (!signal.aborted)
        fill(
          body,
          failed(error, () => void ask(query)),
        )
    }
  }

  const invite = async (): Promise<void> => {
    say(summary, '')
    fill(body, loading('Looking what there is …'))
    const found = await api.sources({ limit: 50 }).catch(() => undefined)
    if (!element.isConnected) return
    const labels = [
      ...new Set(found?.sources.flatMap(({ labels }) => labels.map(({ label }) => label)) ?? []),
    ]
    fill(
      body,
      empty(
        'Say what a moment shows',
        h('p', {}, 'Such as “a person falls” or “a red car turns left”. Press / to type from anywhere.'),
        labels.length > 0 &&
          h(
            'ul',
            { class: 'chips', 'aria-label': 'Labels to search for' },
            ...labels
              .slice(0, SUGGESTED)
              .map((label) =>
                h('li', {}, h('a', { href: `#/search?${new URLSearchParams({ q: label })}` }, label)),
              ),
          ),
      ),
    )
  }

  return {
    title: 'Search',
    element,
    enter: (query) => {
      find<HTMLInputElement>('#query').value = query.get('q') ?? ''
      if (player.shown) player.close()
      if (query.has('q') || query.has('likeSource')) void ask(query)
      else void invite()
    },
    leave: () => {
      asking.abort()
      if (player.shown) player.close()
    },
  }
}

/** Of a camera its event's video, or else its event's picture. */
function playableOf({ footage, ...moment }: Moment): Playable {
  if (footage === null) return moment
  const { episode, zero } = footage
  return {
    ...moment,
    ...(episode !== null && { episode }),
    ...(zero !== null && { zero }),
  }
}

/** Where its picture is; none of a camera that kept nothing. */
function pictureOf({ source, best, footage }: Moment): string | undefined {
  if (footage === null) return address('/api/picture', { source, time: best })
  const { episode, zero, picture } = footage
  if (episode === null) return undefined
  if (zero !== null) return address('/api/picture', { episode, time: Math.max(0, best - zero) })
  return picture ? address('/api/picture', { episode }) : undefined
}

function momentCard(
  moment: Moment,
  like: string,
  play: (moment: Moment, card: HTMLElement) => void,
): HTMLLIElement {
  const { source, start, end, score, label, playable, why, footage } = moment
  const src = pictureOf(moment)
  const picture =
    src === undefined
      ? h('span', { class: 'thumb empty' }, 'no footage kept')
      : h('img', { class: 'thumb', alt: '', loading: 'lazy', src })
  picture.addEventListener('error', () => picture.classList.add('none'))
  const event = footage?.episode ?? null
  const card: HTMLLIElement = h(
    'li',
    { class: 'moment' },
    h(
      'button',
      { type: 'button', class: 'face', on: { click: () => play(moment, card) } },
      picture,
      h(
        'span',
        { class: 'what' },
        h('span', { class: 'dot', 'aria-hidden': 'true' }),
        label ?? short(source),
      ),
      h('span', { class: 'soft num' }, span(start, end)),
      h('span', { class: 'soft name' }, short(source)),
    ),
    h(
      'p',
      { class: 'foot' },
      h('span', { class: 'soft num', title: 'similarity' }, score.toFixed(3)),
      !playable &&
        src !== undefined &&
        h(
          'span',
          { class: 'soft', title: why ?? '' },
          footage === null ? 'not playable here' : 'no footage kept',
        ),
      event !== null &&
        h(
          'a',
          {
            href: `#/events?${new URLSearchParams({ episode: event })}`,
            'aria-label': `Event of ${short(source)}, ${span(start, end)}`,
          },
          'Event',
        ),
      h(
        'a',
        { href: like, 'aria-label': `More like this: ${label ?? short(source)}, ${span(start, end)}` },
        'More like this',
      ),
      h(
        'a',
        {
          href: `#/source?${new URLSearchParams({ name: source, t: String(start) })}`,
          'aria-label': `Timeline of ${short(source)}`,
        },
        'Timeline',
      ),
    ),
  )
  card.classList.add(colour(label))
  card.dataset.source = source
  return card
}

/** What narrows a search, with a way back. */
function refined(query: URLSearchParams): HTMLElement | false {
  const like = query.get('likeSource')
  const source = query.get('source')
  const not = query.get('not')
  const parts = [
    like !== null && `like a moment of ${short(like)}`,
    source !== null && `only of ${short(source)}`,
    not !== null && `without ${not}`,
  ].filter((part) => part !== false)
  if (parts.length === 0) return false
  const back = new URLSearchParams({ q: query.get('q') ?? '' })
  return h(
    'p',
    { class: 'note' },
    `${parts.join(', ')}. `,
    h('a', { href: `#/search?${back}` }, 'Search everything'),
  )
}

/** Arrow keys go from moment to moment. */
function move(event: KeyboardEvent, list: HTMLElement): void {
  const faces = [...list.querySelectorAll<HTMLElement>('.face')]
  const here = faces.indexOf(document.activeElement as HTMLElement)
  if (here < 0) return
  const columns = faces.filter(
    (face) => face.getBoundingClientRect().top === faces[0]?.getBoundingClientRect().top,
  ).length
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key]
  const to =
    event.key === 'Home' ? 0 : event.key === 'End' ? faces.length - 1 : step === undefined ? -1 : here + step
  if (faces[to] === undefined) return
  event.preventDefault()
  faces[to].focus()
}
