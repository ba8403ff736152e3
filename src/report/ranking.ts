import type { ReportClip } from './model.js'

/** A label over all clips of a video. */
export interface Ranked {
  readonly label: string
  /** Its best score in any clip. */
  readonly score: number
  /** The clip of that score. */
  readonly best: ReportClip
  /** How many clips it is on top of. */
  readonly leads: number
}

/** The labels of a video by their best moment, best first; with one clip that is the order of the clip's own. */
export function rankLabels(clips: readonly ReportClip[]): Ranked[] {
  const ranked = new Map<string, Ranked>()
  for (const clip of clips) {
    clip.labels.forEach(({ label, score }, rank) => {
      const sofar = ranked.get(label)
      const better = sofar === undefined || score > sofar.score
      const leads = (sofar?.leads ?? 0) + (rank === 0 ? 1 : 0)
      ranked.set(label, {
        label,
        leads,
        score: better ? score : sofar.score,
        best: better ? clip : sofar.best,
      })
    })
  }
  return [...ranked.values()].sort((a, b) => b.score - a.score)
}

/** When the last clip ends, in seconds. */
export function lengthOf(clips: readonly ReportClip[]): number {
  return clips.reduce((end, clip) => Math.max(end, clip.end), 0)
}
