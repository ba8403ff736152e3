import type { Label } from '../domain.js'
import type { FoundClip } from './nearest.js'

/** A span of a source that shows what was looked for: clips of one event, merged. */
export interface FoundMoment {
  readonly source: string
  /** In the source's own seconds. */
  readonly start: number
  readonly end: number
  /** Time of the frame in the middle of the best clip. */
  readonly best: number
  /** Cosine of the best clip. */
  readonly score: number
  readonly clipId: string
  /** How many clips it is made of. */
  readonly clips: number
  /** Of the best clip, best first. */
  readonly labels: readonly Label[]
  readonly sampling: string
}

/** Of the way from the best clip's score down to the lowest found, how far a neighbour may lie to be the same event. */
const REACH = 0.5
/** Of a clip's length, the gap that still counts as adjacent. */
const GAP = 0.1
/** Of the time that either covers, what spans of two samplings share to count as one moment. */
const SAME = 0.5

/**
 * Clips, best first, as moments, best first. A moment begins with the best clip left and grows over overlapping and adjacent
 * clips of its source and sampling while these are at least half as far above the lowest score found as its best one. What
 * overlaps a moment without that is part of it too, but does not stretch it. Of nearly equal spans by several samplings
 * the best one is shown.
 */
export function mergeMoments(clips: readonly FoundClip[]): readonly FoundMoment[] {
  const floor = clips.at(-1)?.score ?? 0
  const tracks = new Map<string, Track>()
  for (const clip of clips) {
    const key = JSON.stringify([clip.source, clip.sampling])
    const track = tracks.get(key) ?? { clips: [], taken: new Set<FoundClip>() }
    track.clips.push(clip)
    tracks.set(key, track)
  }
  for (const track of tracks.values()) track.clips.sort((a, b) => a.start - b.start || a.end - b.end)
  const moments: FoundMoment[] = []
  for (const clip of clips) {
    const track = tracks.get(JSON.stringify([clip.source, clip.sampling]))
    if (track === undefined || track.taken.has(clip)) continue
    const found = grow(track, clip, clip.score - REACH * (clip.score - floor))
    const same = moments.findIndex((better) => isSame(better, found))
    const better = moments[same]
    if (better === undefined) moments.push(found)
    else moments[same] = { ...better, clips: better.clips + found.clips }
  }
  return moments
}

/** Whether two samplings found the same: the spans have at least as much in common as not. */
function isSame(a: FoundMoment, b: FoundMoment): boolean {
  if (a.source !== b.source || a.sampling === b.sampling) return false
  const common = Math.min(a.end, b.end) - Math.max(a.start, b.start)
  return common > 0 && common >= SAME * (Math.max(a.end, b.end) - Math.min(a.start, b.start))
}

interface Track {
  /** By time. */
  readonly clips: FoundClip[]
  readonly taken: Set<FoundClip>
}

function grow({ clips, taken }: Track, best: FoundClip, least: number): FoundMoment {
  const at = clips.indexOf(best)
  const gap = GAP * (best.end - best.start)
  let { start, end } = best
  taken.add(best)
  let count = 1
  const joins = (clip: FoundClip): boolean =>
    clip.score >= least && !taken.has(clip) && clip.start <= end + gap && clip.end >= start - gap
  for (let i = at + 1; i < clips.length; i++) {
    const clip = clips[i] as FoundClip
    if (!joins(clip)) break
    taken.add(clip)
    end = Math.max(end, clip.end)
    count++
  }
  for (let i = at - 1; i >= 0; i--) {
    const clip = clips[i] as FoundClip
    if (!joins(clip)) break
    taken.add(clip)
    start = Math.min(start, clip.start)
    end = Math.max(end, clip.end)
    count++
  }
  for (const clip of clips) {
    if (clip.start < end && clip.end > start && !taken.has(clip)) {
      taken.add(clip)
      count++
    }
  }
  const { source, score, clipId, labels, sampling, frameTimes } = best
  const middle = frameTimes[Math.floor(frameTimes.length / 2)] ?? (best.start + best.end) / 2
  return { source, start, end, best: middle, score, clipId, clips: count, labels, sampling }
}
