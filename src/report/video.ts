import { clock, count, length, percent } from './format.js'
import { html, type Markup } from './html.js'
import type { ReportVideo, Strip } from './model.js'
import type { ColourOf } from './palette.js'
import { lengthOf, type Ranked, rankLabels } from './ranking.js'
import { timeline } from './timeline.js'

const MOST_LABELS = 5

export interface VideoStyle {
  readonly colourOf: ColourOf
  /** Weights are random: the labels are marked as without meaning. */
  readonly meaningless: boolean
  /** Where links lead to a video. */
  readonly anchorOf?: AnchorOf | undefined
}

/** The id of a video's place in the page, where it has one. */
export type AnchorOf = (source: string) => string | undefined

/** A video with its pictures, labels and, with more than one clip, its timeline. */
export function videoCard(video: ReportVideo, style: VideoStyle): Markup {
  const { clips, strip } = video
  const ranked = rankLabels(clips)
  return html`<article class="video"${anchor(video, style)} ${facts(video, ranked)}>
<h3>${name(video.source)}</h3>
<p class="meta">${meta(video)}</p>
<div class="columns">
<div class="seen">
${strip === undefined ? undefined : pictures(strip)}
${clips.length > 1 ? timeline(clips, style.colourOf) : undefined}
</div>
${labels(ranked, clips.length, style)}
</div>
</article>
`
}

/** A video as one line: its name and best label. */
export function videoRow(video: ReportVideo, style: VideoStyle): Markup {
  const { colourOf } = style
  const ranked = rankLabels(video.clips)
  const [best] = ranked
  return html`<li class="video"${anchor(video, style)} ${facts(video, ranked)}>
<span class="who">${name(video.source)}</span>
<span class="meta">${meta(video)}</span>
${best === undefined ? undefined : html`<span class="label" data-find>${labelText(best.label)}</span>${bar(best.score, colourOf(best.label))}<span class="num">${percent(best.score)}</span>`}
</li>
`
}

function anchor({ source }: ReportVideo, { anchorOf }: VideoStyle): Markup | undefined {
  const id = anchorOf?.(source)
  return id === undefined ? undefined : html` id="${id}"`
}

/** What the page's script sorts by. */
function facts({ clips }: ReportVideo, [best]: readonly Ranked[]): Markup {
  return html`data-score="${best?.score ?? 0}" data-seconds="${lengthOf(clips)}" data-clips="${clips.length}"`
}

/** The file's own name stands out from its folder; `bdi` keeps direction marks in a name from turning the line. */
export function name(source: string): Markup {
  const cut = source.lastIndexOf('/') + 1
  return html`<bdi class="name" data-find><span class="folder">${source.slice(0, cut)}</span>${source.slice(cut)}</bdi>`
}

function meta({ clips, complete }: ReportVideo): Markup {
  const unfinished = html` · <strong class="unfinished">not finished</strong>`
  return html`<span class="num">${clock(lengthOf(clips))}</span> · ${count(clips.length, 'clip')}${complete ? undefined : unfinished}`
}

/** Pictures in a row; a `few` of them where the row is narrow. */
export function pictures(strip: Strip, few = false): Markup {
  if (strip.kind === 'missing') return html`<p class="placeholder">${strip.why}</p>`
  const { pictures, sampled } = strip
  const part = pictures.length < sampled
  const tall = pictures.every(({ width, height }) => width < height)
  return html`<div class="${tall ? 'strip tall' : few ? 'strip few' : 'strip'}">
<ol>${pictures.map(
    ({ time, width, height, uri }) => html`
<li><figure><img src="${uri}" width="${width}" height="${height}" alt="Frame at ${clock(time)}" loading="lazy" decoding="async"><figcaption>${clock(time)}</figcaption></figure></li>`,
  )}
</ol>
${part && !few ? html`<p class="meta">${pictures.length} of ${count(sampled, 'sampled frame')}</p>` : undefined}
</div>`
}

function labels(
  ranked: readonly Ranked[],
  clips: number,
  { colourOf, meaningless }: VideoStyle,
): Markup | undefined {
  if (ranked.length === 0) return undefined
  const more = ranked.length - MOST_LABELS
  const several = clips > 1
  return html`<div class="labels">
${meaningless ? html`<p class="mark">Random weights: no meaning</p>` : undefined}
<ol>${ranked.slice(0, MOST_LABELS).map(
    ({ label, score, best, leads }) => html`
<li><span class="label" data-find>${several ? html`<span class="dot ${colourOf(label)}"></span>` : undefined}${labelText(label)}</span>${bar(score, several ? colourOf(label) : 'c0')}<span class="num">${percent(score)}</span>${several ? html`<span class="meta">best at ${clock(best.start)}${leads > 0 ? `, on top of ${count(leads, 'clip')}` : ''}</span>` : undefined}</li>`,
  )}
</ol>
${more > 0 ? html`<p class="meta">and ${count(more, 'label')} more</p>` : undefined}
</div>`
}

/** A label in at most two lines, whole in its tooltip. */
export function labelText(label: string): Markup {
  return html`<bdi title="${label}">${label}</bdi>`
}

/** A score as a length; the number beside it says the same in words. */
export function bar(share: number, colour: string): Markup {
  return html`<svg class="bar" aria-hidden="true" width="100%" height="10"><rect class="track" width="100%" height="10" rx="3"/><rect class="${colour}" width="${length(share)}" height="10" rx="3"/></svg>`
}
