import type { Label } from '../../src/domain.js'

/** When the labels of a source's clips open an event, and when they close it. */
export interface Rule {
  /** Unique; part of the ids of its events. */
  readonly name: string
  readonly labels: readonly string[]
  /** What several labels score together. Scores are shares of one label set, so they may be added. */
  readonly combine: 'sum' | 'max'
  /** Scores from here on open, 0..1. */
  readonly threshold: number
  /** Scores below this close; at most the threshold. */
  readonly release: number
  /** Clips in a row at or over the threshold that open. */
  readonly openAfter: number
  /** Clips in a row below the release that close. */
  readonly closeAfter: number
  /** Seconds after a close in which nothing opens. */
  readonly cooldown: number
  /** Seconds without a clip of a camera that count as a gap; a video has none. */
  readonly gapAfter: number
  /** Whether what was going on before a gap ends with the last clip before it, or goes on. */
  readonly gap: 'close' | 'hold'
  /** What a clip counts as that was not looked at because nothing moved. */
  readonly gated: 'same' | 'below' | 'skip'
  readonly appliesTo: (source: string) => boolean
  /** Whether the rule is on at a time of a source's clips; while it is off, clips count as below. */
  readonly isOn: (source: string, seconds: number) => boolean
}

/** What a rule sees of a clip. */
export interface Scored {
  readonly clipId: string
  readonly source: string
  /** Clips of one source that follow one another: those of another model, sampling or label set are another series. */
  readonly series: string
  readonly start: number
  readonly end: number
  /** Absent where nothing moved, so that the clip was not looked at. */
  readonly labels?: readonly Label[]
}

/** Cameras go on for ever, by the clock; any other source is a video. */
export const isCamera = (source: string): boolean => source.startsWith('camera:')

export interface Score {
  readonly score: number
  /** The label that scored highest. */
  readonly label: string
}

/**
 * What a clip scores. A label that is not among the clip's counts as 0: with the best k of a label set kept, that can
 * only be wrong of scores below 1 / (k + 1).
 */
export function scoreOf({ labels, combine }: Rule, scored: readonly Label[]): Score {
  let best: Score = { score: 0, label: labels[0] ?? '' }
  let sum = 0
  for (const { label, score } of scored) {
    if (!labels.includes(label)) continue
    sum += score
    if (score > best.score) best = { score, label }
  }
  return combine === 'max' ? best : { score: Math.min(1, sum), label: best.label }
}
