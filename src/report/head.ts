import { checkedLabels } from './checked.js'
import { count, moment, percent, roundClock } from './format.js'
import { html, type Markup } from './html.js'
import type { Leader, ReportHead, ReportRecipe } from './model.js'
import type { ColourOf } from './palette.js'
import { prose } from './prose.js'
import { bar, labelText } from './video.js'

const MOST_LEADERS = 10

/** What the page is about: warnings first, totals, what made the results, the labels that lead. */
export function pageHead(head: ReportHead, failures: number, colourOf: ColourOf): Markup {
  const { title, totals, recipe, warnings, others, checked } = head
  return html`<header>
<p class="eyebrow">stanflow report</p>
<h1><bdi>${title}</bdi></h1>
${warnings.length === 0 ? undefined : html`<div class="warning" role="note" aria-label="Warning">${warnings.map((warning) => html`<p>${prose(warning)}</p>`)}</div>`}
<ul class="totals">
<li>${figure(totals.videos, 'video')}</li>
<li>${figure(totals.clips, 'clip')}</li>
<li><b>${roundClock(totals.seconds)}</b> of video</li>
${failures === 0 ? undefined : html`<li class="bad"><a href="#failures">${figure(failures, 'failure')}</a></li>`}
</ul>
${checked === undefined ? undefined : checkedLabels(checked)}<div class="overview">
<div>
${recipe === undefined ? undefined : made(recipe, head)}
${others.length === 0 ? undefined : elsewhere(others)}
</div>
${leaders(totals.leaders, totals.clips, colourOf)}
</div>
</header>
`
}

function figure(n: number, one: string): Markup {
  const [number = '', ...noun] = count(n, one).split('\u00a0')
  return html`<b>${number}</b> ${noun.join(' ')}`
}

function made({ model, digest, sampling }: ReportRecipe, { made, version, totals }: ReportHead): Markup {
  return html`<dl>
<div><dt>Model</dt><dd>${model}</dd></div>
<div><dt>Digest</dt><dd><code title="${digest}">${brief(digest)}</code></dd></div>
<div><dt>Sampling</dt><dd>${sampling}</dd></div>
${
  totals.leaders.length === 0 && totals.clips > 0
    ? html`<div><dt>Labels</dt><dd>none were asked for</dd></div>
`
    : undefined
}<div><dt>Report made</dt><dd><time datetime="${made.toISOString()}">${moment(made)}</time>, stanflow ${version}</dd></div>
</dl>`
}

function leaders(all: readonly Leader[], clips: number, colourOf: ColourOf): Markup | undefined {
  if (all.length === 0) return undefined
  const more = all.length - MOST_LEADERS
  return html`<section class="labels" aria-labelledby="leaders"><h2 id="leaders">Best label, by share of clips</h2>
<ol>${all.slice(0, MOST_LEADERS).map(
    ({ label, clips: led }) => html`
<li><span class="label"><span class="dot ${colourOf(label)}"></span>${labelText(label)}</span>${bar(led / clips, colourOf(label))}<span class="num">${percent(led / clips)}</span></li>`,
  )}
</ol>
${more > 0 ? html`<p class="meta"><span class="dot cx"></span>and ${count(more, 'label')} more</p>` : undefined}
</section>`
}

function elsewhere(others: readonly ReportRecipe[]): Markup {
  return html`<section class="others" aria-labelledby="others"><h2 id="others">Also in this folder, not on this page</h2>
<ul>${others.map(({ model, digest, sampling, clips }) => html`<li>${model} (<code title="${digest}">${brief(digest)}</code>), ${sampling}: ${count(clips, 'clip')}</li>`)}</ul></section>`
}

const brief = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 12)
