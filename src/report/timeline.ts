import { clock, count, length, percent, roundClock, shorten, span } from './format.js'
import { html, type Markup } from './html.js'
import type { ReportClip } from './model.js'
import type { ColourOf } from './palette.js'
import { lengthOf } from './ranking.js'

/** A stretch of the timeline. */
export interface Segment {
  /** The clip it tells of: the only one that begins in the stretch, or the one with the best score. */
  readonly clip: ReportClip
  /** How many clips begin in it. */
  readonly clips: number
  /** Where it is drawn: clips may overlap, stretches do not. Seconds. */
  readonly from: number
  readonly to: number
}

const MOST_SEGMENTS = 160
/** More stretches than this are drawn without lines between them. */
const MOST_LINED = 60

/** Clips in order of time as at most `most` stretches; more clips than that are gathered in equal steps of time. */
export function segments(clips: readonly ReportClip[], most = MOST_SEGMENTS): Segment[] {
  const total = lengthOf(clips)
  const steps = new Map<number, ReportClip[]>()
  clips.forEach((clip, i) => {
    const step = clips.length <= most ? i : Math.min(most - 1, Math.floor((clip.start / total) * most))
    steps.set(step, [...(steps.get(step) ?? []), clip])
  })
  const groups = [...steps.values()]
  return groups.flatMap((group, i) => {
    const [first] = group
    if (first === undefined) return []
    const clip = group.reduce((best, other) => (topScore(other) > topScore(best) ? other : best), first)
    const end = group.reduce((latest, other) => Math.max(latest, other.end), 0)
    const next = groups[i + 1]?.[0]?.start ?? total
    return [{ clip, clips: group.length, from: first.start, to: Math.min(end, next) }]
  })
}

const topScore = (clip: ReportClip): number => clip.labels[0]?.score ?? 0

/** The clips of a video along its time, coloured by their best label, and the same as a table that folds out. */
export function timeline(clips: readonly ReportClip[], colourOf: ColourOf): Markup {
  const stretches = segments(clips)
  const total = lengthOf(clips)
  const gathered = stretches.length < clips.length
  const note = gathered ? `${count(clips.length, 'clip')} in ${stretches.length} steps, the best of each` : ''
  return html`<div class="over-time">
<svg class="${stretches.length > MOST_LINED ? 'timeline dense' : 'timeline'}" role="list" aria-label="Clips along time" width="100%" height="64">
${stretches.map((stretch, i) => mark(stretch, i, total, colourOf))}
<g class="axis" aria-hidden="true">${ticks(total)}</g>
</svg>
<details><summary>${count(clips.length, 'clip')}</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Table of clips"><table>
${note === '' ? undefined : html`<caption>${note}</caption>`}
<thead><tr><th scope="col">Time</th><th scope="col">Label</th><th scope="col">Score</th></tr></thead>
<tbody>${stretches.map(({ clip }) => row(clip, colourOf))}</tbody>
</table></div></details>
</div>`
}

/** Only the first can be tabbed to: the arrow keys go on from there, so a long timeline is one stop, not hundreds. */
function mark(segment: Segment, i: number, total: number, colourOf: ColourOf): Markup {
  const { clip, clips, from, to } = segment
  const best = clip.labels[0]
  const parts = (most: number) => [
    span(clip.start, clip.end),
    ...(best === undefined ? [] : [shorten(best.label, most), percent(best.score)]),
    ...(clips > 1 ? [`best of ${clips} clips`] : []),
  ]
  const says = parts(Number.POSITIVE_INFINITY).join(' · ')
  return html`<g class="clip ${colourOf(best?.label)}" role="listitem" tabindex="${i === 0 ? 0 : -1}" aria-label="${says}"><title>${says}</title><rect x="${length(from / total)}" y="1" width="${length((to - from) / total)}" height="24" rx="2"/><text class="tip" y="60">${parts(34).join(' · ')}</text></g>
`
}

function row({ start, end, labels: [best] }: ReportClip, colourOf: ColourOf): Markup {
  return html`<tr><td class="num">${span(start, end)}</td><td><span class="dot ${colourOf(best?.label)}"></span><bdi>${best?.label ?? '–'}</bdi></td><td class="num">${best === undefined ? '–' : percent(best.score)}</td></tr>
`
}

function ticks(total: number): Markup[] {
  const say = total < 20 ? clock : roundClock
  return [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle'
    return html`<text x="${length(share)}" y="42" text-anchor="${anchor}">${say(share * total)}</text>`
  })
}
