import { api, onSignedOut, Refused } from './api.js'
import { find, h, say } from './dom.js'
import { eventsView } from './events-view.js'
import { healthView } from './health-view.js'
import { liveView } from './live-view.js'
import { searchView } from './search-view.js'
import { sourceView } from './source-view.js'
import { sourcesView } from './sources-view.js'
import { listen } from './stream.js'
import type { View } from './view.js'

const VIEWS: Readonly<Record<string, View>> = {
  search: searchView(),
  live: liveView(),
  events: eventsView(),
  sources: sourcesView(),
  source: sourceView(),
  health: healthView(),
}

let current: View | undefined
let start = 'search'

function route(): void {
  const [, name = '', query = ''] = /^#\/([a-z]*)\??(.*)$/.exec(location.hash) ?? []
  const view = VIEWS[name] ?? (VIEWS[start] as View)
  const isAnother = view !== current
  if (isAnother) {
    current?.leave?.()
    find('#view').replaceChildren(view.element)
    current = view
  }
  const shown = VIEWS[name] === undefined ? start : name
  for (const link of document.querySelectorAll('nav a')) {
    const here = link.getAttribute('href') === `#/${shown === 'source' ? 'sources' : shown}`
    if (here) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  document.title = `${view.title} · stanflow`
  view.enter(new URLSearchParams(query))
  if (isAnother && location.hash !== '' && document.activeElement?.id !== 'query') {
    view.element.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true })
    window.scrollTo(0, 0)
  }
}

function searchBox(): void {
  const box = find<HTMLInputElement>('#query')
  find('#search').addEventListener('submit', (event) => {
    event.preventDefault()
    const q = box.value.trim()
    const hash = q === '' ? '#/search' : `#/search?${new URLSearchParams({ q })}`
    if (location.hash === hash) route()
    else location.hash = hash
  })
  document.addEventListener('keydown', (event) => {
    const typing = (event.target as HTMLElement | null)?.closest('input, textarea, select') !== null
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    box.focus()
    box.select()
  })
}

/** The token comes after # in the address that was printed, and is taken out of it at once. */
async function signIn(token: string): Promise<void> {
  await api.signIn(token)
  history.replaceState(null, '', location.pathname)
}

function askForToken(why = ''): void {
  const box = h('input', { type: 'password', id: 'token', required: true, autocomplete: 'current-password' })
  const told = h('p', { class: 'bad', role: 'alert' }, why)
  const form = h(
    'form',
    { class: 'sign-in' },
    h('h1', {}, 'Sign in'),
    h(
      'p',
      {},
      'Others can reach this server, so it asks for its token: it was printed when stanflow serve started.',
    ),
    h('label', { for: 'token' }, 'Token'),
    box,
    told,
    h('button', { type: 'submit' }, 'Sign in'),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    signIn(box.value)
      .then(open)
      .catch((error: unknown) => say(told, error instanceof Refused ? error.message : String(error)))
  })
  current?.leave?.()
  current = undefined
  find('header').hidden = true
  find('#view').replaceChildren(h('main', { class: 'view' }, form))
  box.focus()
}

async function open(): Promise<void> {
  find('header').hidden = false
  const now = await api.live().catch(() => undefined)
  start = now?.live === true ? 'live' : 'search'
  listen()
  route()
}

async function begin(): Promise<void> {
  searchBox()
  // What comes after # names a view here.
  find('.skip').addEventListener('click', (event) => {
    event.preventDefault()
    find('#view').focus()
  })
  window.addEventListener('hashchange', () => {
    if (!location.hash.startsWith('#token=')) route()
  })
  setInterval(() => current?.tick?.(), 1000)
  const given = /^#token=(.+)$/.exec(location.hash)?.[1]
  try {
    if (given !== undefined) await signIn(decodeURIComponent(given))
    const { signedIn } = await api.session()
    onSignedOut(() => askForToken('The server asks for its token again.'))
    if (signedIn) await open()
    else askForToken()
  } catch (error) {
    askForToken(error instanceof Refused ? error.message : String(error))
  }
}

void begin()
