import type { Timeline } from '../schemas.js'
import { h, svg } from './dom.js'
import { at, colour, percent, span } from './format.js'

const ROW = 22
const GAP = 4
const TICKS = 5
/** Of a span in thousandths of the width: thinner ones could not be hit. */
const THINNEST = 4
const WIDTH = 1000

/** Labels as tracks along a source's time. One stop for the tabulator; arrow keys go on from there. */
export class Tracks {
  readonly element: HTMLElement
  readonly #start: number
  readonly #length: number
  readonly #heads: readonly SVGLineElement[]

  constructor({ start, end, tracks, episodes }: Timeline, go: (time: number, until: number) => void) {
    this.#start = start
    this.#length = Math.max(0.001, end - start)
    const heads: SVGLineElement[] = []
    const rows = tracks.map(({ label, spans }) => {
      const head = svg('line', { class: 'playhead', x1: 0, x2: 0, y1: 0, y2: ROW, visibility: 'hidden' })
      heads.push(head)
      const marks = spans.map((one) => this.#span(label, one, go))
      return h(
        'div',
        { class: 'track', role: 'group', 'aria-label': label },
        h(
          'p',
          { class: `name ${colour(label)}` },
          h('span', { class: 'dot', 'aria-hidden': 'true' }),
          ' ',
          label,
        ),
        svg(
          'svg',
          { viewBox: `0 0 ${WIDTH} ${ROW}`, preserveAspectRatio: 'none', height: ROW, class: colour(label) },
          svg('rect', { class: 'lane', x: 0, y: GAP / 2, width: WIDTH, height: ROW - GAP }),
          ...marks,
          head,
        ),
      )
    })
    const marked = episodes.map(({ start: from, end: to, rule, kind }) =>
      svg(
        'rect',
        {
          class: 'event',
          x: this.#x(from),
          y: 0,
          width: Math.max(THINNEST, this.#x(to ?? end) - this.#x(from)),
          height: 8,
        },
        svg('title', {}, `${rule ?? kind}, ${span(from, to ?? end)}`),
      ),
    )
    this.#heads = heads
    this.element = h(
      'section',
      { class: 'tracks', 'aria-label': 'Labels along time' },
      ...rows,
      marked.length > 0 &&
        h(
          'div',
          { class: 'track' },
          h('p', { class: 'name' }, 'Events'),
          svg(
            'svg',
            { viewBox: `0 0 ${WIDTH} 8`, preserveAspectRatio: 'none', height: 8, 'aria-hidden': 'true' },
            ...marked,
          ),
        ),
      h('div', { class: 'track axis', 'aria-hidden': 'true' }, h('span', {}), this.#axis()),
    )
    const first = this.element.querySelector('.span')
    first?.setAttribute('tabindex', '0')
    this.element.addEventListener('keydown', (event) => this.#key(event as KeyboardEvent))
  }

  /** Moves the playhead. */
  mark(time: number): void {
    const x = String(Math.min(WIDTH, Math.max(0, this.#x(time))))
    for (const head of this.#heads) {
      head.setAttribute('x1', x)
      head.setAttribute('x2', x)
      head.setAttribute('visibility', 'visible')
    }
  }

  #x(time: number): number {
    return ((time - this.#start) / this.#length) * WIDTH
  }

  #span(
    label: string,
    { start, end, score }: { readonly start: number; readonly end: number; readonly score: number },
    go: (time: number, until: number) => void,
  ): SVGElement {
    const says = `${label}, ${span(start, end)}, ${percent(score)}`
    const jump = (): void => go(start, end)
    const mark = svg(
      'rect',
      {
        ...{ class: 'span', role: 'button', tabindex: '-1', 'aria-label': says },
        ...{ x: this.#x(start), y: GAP / 2, height: ROW - GAP, rx: 2 },
        width: Math.max(THINNEST, this.#x(end) - this.#x(start)),
        on: { click: jump },
      },
      svg('title', {}, says),
    )
    mark.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      jump()
    })
    return mark
  }

  #axis(): HTMLElement {
    const whole = this.#length > 20
    const ticks = Array.from({ length: TICKS }, (_, i) => {
      const time = this.#start + (i / (TICKS - 1)) * this.#length
      return h(
        'span',
        { class: 'num' },
        this.#start > 1e9 ? new Date(time * 1000).toLocaleTimeString() : at(time, !whole),
      )
    })
    return h('div', { class: 'ticks' }, ...ticks)
  }

  #key(event: KeyboardEvent): void {
    const rows = [...this.element.querySelectorAll('.track')].map((row) => [
      ...row.querySelectorAll<SVGElement>('.span'),
    ])
    const row = rows.findIndex((spans) => spans.includes(document.activeElement as unknown as SVGElement))
    const spans = rows[row]
    if (spans === undefined) return
    const here = spans.indexOf(document.activeElement as unknown as SVGElement)
    const to = {
      ArrowRight: spans[here + 1],
      ArrowLeft: spans[here - 1],
      Home: spans[0],
      End: spans.at(-1),
      ArrowDown: rows[row + 1]?.[0],
      ArrowUp: rows[row - 1]?.[0],
    }[event.key]
    if (to === undefined) return
    event.preventDefault()
    spans[here]?.setAttribute('tabindex', '-1')
    to.setAttribute('tabindex', '0')
    to.focus()
  }
}
