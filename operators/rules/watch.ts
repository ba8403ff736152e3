import { createHash } from 'node:crypto'
import type { Event } from '../../src/domain.js'
import { isCamera, type Rule, type Score, type Scored, scoreOf } from './rule.js'

/** Clips in a row at or over the threshold: what is, or may become, an episode. */
export interface Episode {
  readonly start: number
  /** End of the last clip that counted. */
  readonly end: number
  /** So many in a row, before it opened. */
  readonly count: number
  readonly peak: number
  readonly peakAt: number
  readonly peakClip: string
  readonly label: string
  /** The first clips, in order. */
  readonly clipIds: readonly string[]
  readonly lastClip: string
  readonly series: string
}

/** Where one rule stands at one series of clips. Plain JSON, so that it can be kept and taken up again. */
export interface Watch {
  readonly lastStart: number
  readonly lastEnd: number
  /** Of the last clip that was looked at. */
  readonly last?: Score
  readonly pending?: Episode
  readonly open?: Episode
  /** Clips in a row below the release, while open. */
  readonly below: number
  /** Nothing opens before. */
  readonly quietUntil?: number
}

export interface Step {
  readonly watch: Watch
  readonly events: readonly Event[]
}

type Named = Pick<Rule, 'name' | 'cooldown'>

/** First clips that an event names; the peak's and the last one come on top. */
const CLIPS = 30

/** One clip further. Clips come in the order of their starts; one that came before changes nothing. */
export function step(rule: Rule, before: Watch | undefined, clip: Scored): Step {
  if (before !== undefined && clip.start <= before.lastStart) return { watch: before, events: [] }
  const isGap = before !== undefined && isCamera(clip.source) && clip.start - before.lastEnd > rule.gapAfter
  const entered = isGap ? afterGap(rule, before, clip.source) : { watch: before, events: [] }
  const { last, ...rest } = entered.watch ?? { below: 0 }
  const seen = clip.labels === undefined ? stillScore(rule, last) : scoreOf(rule, clip.labels)
  const remembered = clip.labels === undefined ? last : seen
  const watch: Watch = {
    ...rest,
    lastStart: clip.start,
    lastEnd: clip.end,
    ...(remembered !== undefined && { last: remembered }),
  }
  if (seen === undefined) return { watch, events: entered.events }
  const score = rule.isOn(clip.source, clip.start) ? seen : { ...seen, score: 0 }
  const next =
    watch.open === undefined ? whileClosed(rule, watch, clip, score) : whileOpen(rule, watch, clip, score)
  return { watch: next.watch, events: [...entered.events, ...next.events] }
}

/** No clips came for a while, or none will come any more. */
export function afterGap(rule: Rule, watch: Watch, source: string): Step {
  if (rule.gap === 'hold') return { watch, events: [] }
  return end(rule, watch, source)
}

/** Whatever goes on ends with the last clip there was. */
export function end(rule: Named, watch: Watch, source: string): Step {
  const { pending: _, last: __, ...rest } = watch
  return rest.open === undefined
    ? { watch: rest, events: [] }
    : close(rule, { ...rest, open: rest.open }, source, watch.lastEnd)
}

function stillScore({ gated }: Rule, last: Score | undefined): Score | undefined {
  if (last === undefined || gated === 'skip') return undefined
  return gated === 'same' ? last : { ...last, score: 0 }
}

function whileClosed(rule: Rule, watch: Watch, clip: Scored, seen: Score): Step {
  const { pending, quietUntil, ...rest } = watch
  const isQuiet = quietUntil !== undefined && clip.start < quietUntil
  const quiet = isQuiet ? { quietUntil } : {}
  if (isQuiet || seen.score < rule.threshold) return { watch: { ...rest, ...quiet }, events: [] }
  const episode = pending === undefined ? begun(clip, seen) : longer(pending, clip, seen)
  if (episode.count < rule.openAfter) return { watch: { ...rest, pending: episode }, events: [] }
  const events = [eventOf(rule, clip.source, episode, 'rule-opened')]
  return { watch: { ...rest, open: episode, below: 0 }, events }
}

function whileOpen(rule: Rule, watch: Watch, clip: Scored, seen: Score): Step {
  const open = watch.open as Episode
  if (seen.score >= rule.release) {
    return { watch: { ...watch, open: longer(open, clip, seen), below: 0 }, events: [] }
  }
  const below = watch.below + 1
  if (below < rule.closeAfter) return { watch: { ...watch, below }, events: [] }
  return close(rule, { ...watch, open }, clip.source, clip.end)
}

function close(
  rule: Named,
  { open, ...rest }: Watch & { readonly open: Episode },
  source: string,
  at: number,
): Step {
  const quiet = rule.cooldown > 0 ? { quietUntil: at + rule.cooldown } : {}
  return { watch: { ...rest, ...quiet, below: 0 }, events: [eventOf(rule, source, open, 'rule-closed')] }
}

function begun(clip: Scored, { score, label }: Score): Episode {
  const { clipId, start, end } = clip
  return {
    ...{ start, end, count: 1, peak: score, peakAt: (start + end) / 2, peakClip: clipId, label },
    ...{ clipIds: [clipId], lastClip: clipId, series: clip.series },
  }
}

function longer(episode: Episode, clip: Scored, { score, label }: Score): Episode {
  const { clipId, start, end } = clip
  const isPeak = score > episode.peak
  return {
    ...episode,
    ...(isPeak && { peak: score, peakAt: (start + end) / 2, peakClip: clipId, label }),
    end,
    count: episode.count + 1,
    ...(episode.clipIds.length < CLIPS && { clipIds: [...episode.clipIds, clipId] }),
    lastClip: clipId,
  }
}

/** Follows from source, rule, series and first clip: whoever comes upon the same clips finds the same episode. */
export function episodeIdOf(rule: string, source: string, { series, clipIds }: Episode): string {
  return hash([source, rule, series, clipIds[0]])
}

function eventOf(rule: Named, source: string, episode: Episode, kind: 'rule-opened' | 'rule-closed'): Event {
  const { start, end, peak, peakAt, peakClip, label, clipIds, lastClip } = episode
  const episodeId = episodeIdOf(rule.name, source, episode)
  return {
    ...{ id: hash([episodeId, kind]), episodeId, source, kind, start },
    ...{ end: kind === 'rule-opened' ? null : end, rule: rule.name, label, peak, peakAt },
    clipIds: [...new Set([...clipIds, peakClip, lastClip])],
  }
}

const hash = (identity: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32)
