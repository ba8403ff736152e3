import { EVALUATION_STYLES } from './evaluation-styles.js'
import { count, moment, percent } from './format.js'
import { html, type Markup, trusted } from './html.js'
import type { Strip } from './model.js'
import { closePage, openPage } from './page.js'
import { prose } from './prose.js'
import { bar, labelText, name, pictures } from './video.js'

/** What the page of an evaluation shows: plain data, in the page's own terms. Shares are 0..1. */
export interface EvaluationPage {
  readonly title: string
  readonly made: Date
  readonly version: string
  readonly warnings: readonly string[]
  /** Name and value, in order: model, data, sampling. */
  readonly facts: readonly (readonly [string, string])[]
  readonly totals: readonly (readonly [number, string])[]
  readonly tables: readonly ScoreTable[]
  readonly classes: readonly ClassLine[]
  /** SVG of our own making. */
  readonly confusion?: string
  readonly mistakes: AsyncIterable<Mistake>
  readonly mistakesTitle: string
  /** Videos that no score counts, and why. */
  readonly left: readonly LeftOut[]
  /** Lines of the annotations that could not be read. */
  readonly broken: readonly LeftOut[]
}

export interface LeftOut {
  readonly name: string
  readonly why: string
}

export interface ScoreTable {
  readonly title: string
  readonly about?: string
  /** The first names the row. */
  readonly head: readonly string[]
  readonly rows: readonly { readonly cells: readonly string[]; readonly published: boolean }[]
  /** What must be known to read it. */
  readonly note?: string
}

export interface ClassLine {
  readonly label: string
  readonly count: number
  readonly top1: number
}

export type Mistake =
  | {
      readonly kind: 'query'
      readonly text: string
      readonly place: string
      readonly right: ShownVideo
      readonly answers: readonly ShownVideo[]
    }
  | {
      readonly kind: 'class'
      readonly place: string
      readonly video: ShownVideo
      readonly guesses: readonly {
        readonly label: string
        readonly similarity: number
        readonly right: boolean
      }[]
    }

export interface ShownVideo {
  readonly source: string
  readonly similarity?: number
  readonly strip: Strip
}

/** Scores, what was taken for what, and the worst mistakes with their frames, in pieces as the pictures come. */
export async function* renderEvaluation(page: EvaluationPage): AsyncGenerator<string> {
  const { title, tables, classes, confusion, left, broken, mistakesTitle } = page
  yield html`${openPage({ title, styles: EVALUATION_STYLES })}${head(page)}<main>
${tables.map(scoreTable)}
${classes.length === 0 ? undefined : classList(classes)}
${
  confusion === undefined
    ? undefined
    : html`<section aria-labelledby="confusion"><h2 id="confusion">What was taken for what</h2>
<p class="meta">A row for each class, a column for each answer; the stronger the colour, the larger the share of the row.</p>
${isWide(confusion) ? html`<p class="meta scrolls">It is wider than this screen and scrolls sideways.</p>` : undefined}
<div class="confusion" tabindex="0" role="region" aria-label="Confusion matrix">${trusted(confusion)}</div></section>
`
}`.text
  let some = false
  for await (const mistake of page.mistakes) {
    if (!some)
      yield html`<section aria-labelledby="mistakes"><h2 id="mistakes">${mistakesTitle}</h2><div class="cards">
`.text
    some = true
    yield (mistake.kind === 'query' ? queryCard(mistake) : classCard(mistake)).text
  }
  if (some) yield '</div></section>\n'
  yield html`${leftOut('left', `${count(left.length, 'video')} not scored`, left)}${leftOut('broken', `${count(broken.length, 'line')} of the annotations not read`, broken)}</main>
${closePage({})}`.text
}

/** Wider than a telephone is, by its own measure. */
const isWide = (svg: string): boolean => Number(/ width="(\d+)"/.exec(svg)?.[1] ?? 0) > NARROW
const NARROW = 350

function head({ title, warnings, facts, totals, made, version }: EvaluationPage): Markup {
  return html`<header>
<p class="eyebrow">stanflow evaluation</p>
<h1><bdi>${title}</bdi></h1>
${warnings.length === 0 ? undefined : html`<div class="warning" role="note" aria-label="Warning">${warnings.map((warning) => html`<p>${prose(warning)}</p>`)}</div>`}
<ul class="totals">${totals.map(([n, noun]) => html`<li><b>${n.toLocaleString('en')}</b> ${noun}</li>`)}</ul>
<div class="overview"><dl>${facts.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}
<div><dt>Made</dt><dd><time datetime="${made.toISOString()}">${moment(made)}</time>, stanflow ${version}</dd></div></dl></div>
</header>
`
}

function scoreTable({ title, about, head, rows, note }: ScoreTable): Markup {
  const numeric = (n: number): string => (n === 0 ? '' : 'num')
  return html`<section><h2>${title}</h2>
${about === undefined ? undefined : html`<p class="meta">${about}</p>`}
<div class="wide" tabindex="0" role="region" aria-label="${title}"><table class="scores">
<thead><tr>${head.map((cell, n) => html`<th scope="col" class="${numeric(n)}">${cell}</th>`)}</tr></thead>
<tbody>${rows.map(
    ({ cells, published }) =>
      html`<tr class="${published ? 'published' : 'measured'}">${cells.map((cell, n) => html`<td class="${numeric(n)}">${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>${note === undefined ? undefined : html`<p class="meta note">${note}</p>`}</section>
`
}

/** The hardest first. */
function classList(classes: readonly ClassLine[]): Markup {
  const sorted = [...classes].sort((a, b) => a.top1 - b.top1)
  return html`<section aria-labelledby="classes"><h2 id="classes">Classes, the hardest first</h2>
<ol class="classes">${sorted.map(
    ({ label, count: videos, top1 }) =>
      html`<li><span class="label">${labelText(label)}</span>${bar(top1, 'c0')}<span class="num">${percent(top1)}</span><span class="meta" title="${count(videos, 'video')}">${videos}</span></li>
`,
  )}</ol></section>
`
}

function queryCard({ text, place, right, answers }: Extract<Mistake, { kind: 'query' }>): Markup {
  return html`<article class="video mistake">
<h3>${text}</h3>
<p class="meta">${place}</p>
<div class="columns">
<div><h4>the right one: ${shownName(right)}</h4>${pictures(right.strip)}</div>
<div class="answers">${answers.map(
    (answer, n) => html`<div><h4>${n + 1}. ${shownName(answer)}</h4>${pictures(answer.strip, true)}</div>
`,
  )}</div>
</div>
</article>
`
}

const shownName = ({ source, similarity }: ShownVideo): Markup =>
  html`${name(source)}${similarity === undefined ? undefined : html` <span class="num">${similarity.toFixed(3)}</span>`}`

function classCard({ place, video, guesses }: Extract<Mistake, { kind: 'class' }>): Markup {
  return html`<article class="video mistake">
<h3>${name(video.source)}</h3>
<p class="meta">${place}</p>
<div class="columns">
<div class="seen">${pictures(video.strip)}</div>
<div>${guesses.map(
    ({ label, similarity, right }) =>
      html`<p class="${right ? 'guess right' : 'guess'}"><span>${right ? 'is: ' : 'taken for: '}${label}</span><span class="num">${similarity.toFixed(3)}</span></p>
`,
  )}</div>
</div>
</article>
`
}

function leftOut(id: string, title: string, left: readonly LeftOut[]): Markup | undefined {
  if (left.length === 0) return undefined
  return html`<section class="missing" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
<ul>${left.map(({ name, why }) => html`<li>${name}: <span class="meta">${why}</span></li>`)}</ul></section>
`
}
