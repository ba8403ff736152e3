import { anchors } from './checked.js'
import { CHECKED_STYLES } from './checked-styles.js'
import { failureList } from './failures.js'
import { count } from './format.js'
import { pageHead } from './head.js'
import { html, type Markup } from './html.js'
import type { Report, ReportHead, ReportOrder, ReportTotals, ReportVideo } from './model.js'
import { closePage, openPage } from './page.js'
import { palette } from './palette.js'
import { SCRIPT } from './script.js'
import { STYLES } from './styles.js'
import { type VideoStyle, videoCard, videoRow } from './video.js'

/**
 * The report as one self-contained HTML page, in pieces as the videos come: only one video is held at a time. Names,
 * labels and messages are escaped; the page's own content policy forbids what would get past that.
 */
export async function* renderReport({ head, videos, failures }: Report): AsyncGenerator<string> {
  const colourOf = palette(head.totals.leaders)
  const isEmpty = head.totals.videos === 0
  const { title, checked, order = 'made', meaningless } = head
  const styles = checked === undefined ? STYLES : CHECKED_STYLES
  yield html`${openPage({ title, styles, script: SCRIPT })}${pageHead(head, failures.length, colourOf)}<main>
`.text
  if (isEmpty) yield nothing(failures.length).text
  else {
    yield controls(order).text
    const anchorOf = checked === undefined ? undefined : anchors(checked)
    yield* videoList(videos, head, { colourOf, meaningless, anchorOf })
  }
  yield html`${failureList(failures)}</main>
${closePage(isEmpty ? {} : { script: SCRIPT })}`.text
}

/** Hidden until the script runs: without it they would do nothing. */
function controls(order: ReportOrder): Markup {
  return html`<search class="controls" hidden>
<label>Find by file name or label<input id="find" type="search" autocomplete="off" spellcheck="false"></label>
<label>Order<select id="order">
${
  order === 'made'
    ? html`<option value="made">as processed</option>
`
    : undefined
}<option value="name">name</option>
<option value="score">best score</option>
<option value="seconds">longest</option>
<option value="clips">most clips</option>
</select></label>
<p id="shown" role="status"></p>
</search>
`
}

/** Cards while videos bring a strip, then rows. */
async function* videoList(
  videos: AsyncIterable<ReportVideo>,
  { totals }: ReportHead,
  style: VideoStyle,
): AsyncGenerator<string> {
  let open: List | undefined
  for await (const video of videos) {
    const list: List = open === ROWS || video.strip === undefined ? ROWS : CARDS
    if (list !== open) {
      if (open !== undefined) yield open.end.text
      yield list.begin(totals).text
      open = list
    }
    yield list.item(video, style).text
  }
  if (open !== undefined) yield open.end.text
}

interface List {
  begin(totals: ReportTotals): Markup
  item(video: ReportVideo, style: VideoStyle): Markup
  readonly end: Markup
}

const CARDS: List = {
  begin: () => html`<section aria-labelledby="cards"><h2 id="cards">Videos</h2>
<div class="cards" data-list>
`,
  item: videoCard,
  end: html`</div></section>
`,
}

const ROWS: List = {
  begin: rowsHead,
  item: videoRow,
  end: html`</ul></section>
`,
}

function rowsHead({ strips, videos }: ReportTotals): Markup {
  const why = html`<p class="meta">To keep this page small, only the first ${strips} of ${count(videos, 'video')} come with pictures.</p>`
  return html`<section aria-labelledby="rows"><h2 id="rows">${strips === 0 ? 'Videos' : 'More videos, without pictures'}</h2>
${strips === 0 ? undefined : why}
<ul class="rows" data-list>
`
}

function nothing(failures: number): Markup {
  return html`<div class="empty"><h2>No results yet</h2>
<p>${failures === 0 ? 'No video has been processed into this folder.' : 'No video could be processed; what failed is listed below.'}</p>
<p>Run <code>stanflow backfill VIDEOS --to FOLDER</code>, then make the report again.</p></div>
`
}
