import { count, moment } from './format.js'
import { html, type Markup } from './html.js'
import type { ReportFailure } from './model.js'
import { name } from './video.js'

/** What failed, why, and what to do; `undefined` when nothing did. */
export function failureList(failures: readonly ReportFailure[]): Markup | undefined {
  if (failures.length === 0) return undefined
  return html`<section class="failures" aria-labelledby="failures">
<h2 id="failures" tabindex="-1">${count(failures.length, 'failure')}</h2>
<ul>${failures.map(item)}</ul>
</section>
`
}

function item(failure: ReportFailure): Markup {
  const { source, code, message, hint, clipsStored, attempts, lastFailedAt } = failure
  const kept = clipsStored === 0 ? undefined : html`, ${count(clipsStored, 'clip')} kept`
  return html`
<li><h3>${name(source)}</h3><p><code>${code}</code> ${message}</p><p class="hint">${hint}</p>
<p class="meta">${count(attempts, 'attempt')}, last on ${moment(new Date(lastFailedAt))}${kept}</p></li>`
}
