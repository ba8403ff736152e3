import { count, moment, percent } from './format.js'
import { html, type Markup } from './html.js'
import type { ReportLabel, Strip } from './model.js'
import { closePage, openPage } from './page.js'
import { STYLES } from './styles.js'
import { bar, labelText, name, pictures } from './video.js'

/** A search and what it found. */
export interface MomentsReport {
  /** What was looked for, as people say it. */
  readonly asked: string
  /** What narrowed it, as sentences' parts. */
  readonly narrowed: readonly string[]
  readonly index: string
  readonly model: string
  readonly made: Date
  readonly version: string
  readonly moments: readonly ReportMoment[]
}

export interface ReportMoment {
  readonly source: string
  /** When, as people read it. */
  readonly when: string
  readonly score: number
  readonly clips: number
  readonly clipId: string
  readonly labels: readonly ReportLabel[]
  readonly strip: Strip
}

const MOST_LABELS = 3

/** Found moments as one self-contained page, the best first. */
export function renderMoments(report: MomentsReport): string {
  const { asked, narrowed, index, model, made, version, moments } = report
  return html`${openPage({ title: asked, styles: STYLES })}<header>
<p class="eyebrow">stanflow search</p>
<h1><bdi>${asked}</bdi></h1>
<ul class="totals">
<li><b>${moments.length}</b> ${moments.length === 1 ? 'moment' : 'moments'}</li>
</ul>
<div class="overview"><dl>
${narrowed.length === 0 ? undefined : html`<div><dt>Only</dt><dd>${narrowed.join(', ')}</dd></div>`}
<div><dt>Index</dt><dd>${index}</dd></div>
<div><dt>Model</dt><dd>${model}</dd></div>
<div><dt>Made</dt><dd><time datetime="${made.toISOString()}">${moment(made)}</time>, stanflow ${version}</dd></div>
</dl></div>
</header>
<main>
${
  moments.length === 0
    ? nothing()
    : html`<section aria-label="Moments"><div class="cards">
${moments.map((found, i) => card(found, i + 1, moments[0]?.score ?? 1))}</div></section>`
}
</main>
${closePage({})}`.text
}

function card(found: ReportMoment, rank: number, top: number): Markup {
  const { source, when, score, clips, clipId, labels, strip } = found
  return html`<article class="video">
<h3>${rank}. ${name(source)}</h3>
<p class="meta"><span class="num">${when}</span> · ${count(clips, 'clip')} · <code>${clipId}</code></p>
<div class="columns">
<div class="seen">${pictures(strip)}</div>
<div class="labels"><ol>
<li><span class="label">Likeness</span>${bar(top > 0 ? score / top : 0, 'c0')}<span class="num">${score.toFixed(3)}</span></li>${labels
    .slice(0, MOST_LABELS)
    .map(
      ({ label, score: share }) => html`
<li><span class="label">${labelText(label)}</span>${bar(share, 'c2')}<span class="num">${percent(share)}</span></li>`,
    )}
</ol></div>
</div>
</article>
`
}

function nothing(): Markup {
  return html`<div class="empty"><h2>Nothing was found</h2>
<p>The index has no clip that the filters let pass.</p></div>`
}
