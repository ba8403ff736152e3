import { percent } from './format.js'
import { html, type Markup } from './html.js'
import type { CheckedVideo, ReportCheck } from './model.js'
import { prose } from './prose.js'
import { type AnchorOf, labelText, name } from './video.js'

/** A row for each video whose content is known: what it shows, what the model says, and whether that is right. */
export function checkedLabels({ title, result, note, rows }: ReportCheck): Markup {
  return html`<section class="checked" aria-labelledby="checked"><h2 id="checked">${title}</h2>
<p class="result">${result}</p>
<p class="note">${prose(note)}</p>
<table role="table"><thead role="rowgroup"><tr role="row">${['Video', 'Shows', 'Best label', 'Score', 'Verdict'].map((head) => html`<th scope="col" role="columnheader">${head}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map(line)}
</tbody></table></section>
`
}

/** Ids of the videos that the rows lead to. */
export function anchors({ rows }: ReportCheck): AnchorOf {
  const ids = new Map(rows.map(({ source }, n) => [source, idOf(n)]))
  return (source) => ids.get(source)
}

const idOf = (n: number): string => `video-${n + 1}`

/** Roles are spelled out: where a narrow page stacks the cells, browsers would no longer tell that it is a table. */
function line({ source, expected, label, score, right, absent = false }: CheckedVideo, n: number): Markup {
  const video = absent ? name(source) : html`<a href="#${idOf(n)}">${name(source)}</a>`
  return html`
<tr role="row"><th scope="row" role="rowheader">${video}</th><td role="cell" data-head="Shows">${labelText(expected)}</td><td role="cell" data-head="Best label">${labelText(label)}</td><td role="cell" class="num">${percent(score)}</td><td role="cell" class="${right ? 'right' : 'wrong'}"><span aria-hidden="true">${right ? '✓' : '✗'}</span> ${right ? 'right' : 'wrong'}</td></tr>`
}
