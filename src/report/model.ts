/** What the report page shows: plain data, in the page's own terms. Times are seconds, scores 0..1. */

/** The page: a head that is known at once, and videos that come one by one, so that pictures need not be held. */
export interface Report {
  readonly head: ReportHead
  /** In page order. Those with a `strip` come as cards; those after the first without one as plain rows. */
  readonly videos: AsyncIterable<ReportVideo>
  readonly failures: readonly ReportFailure[]
}

export interface ReportHead {
  /** Name of the output folder, unless the page has one of its own. */
  readonly title: string
  readonly made: Date
  /** Version of stanflow. */
  readonly version: string
  /** What made the results; absent when there are none. */
  readonly recipe?: ReportRecipe
  readonly totals: ReportTotals
  /** Sentences a person must read before the rest. */
  readonly warnings: readonly string[]
  /** True when the model's weights are random: every list of labels is marked. */
  readonly meaningless: boolean
  /** Results in the same folder that this page does not show. */
  readonly others: readonly ReportRecipe[]
  /** How the videos come. Default: as processed. */
  readonly order?: ReportOrder
  /** Where it is known what videos show. */
  readonly checked?: ReportCheck
}

export type ReportOrder = 'made' | 'name'

/** Labels against what the videos show. */
export interface ReportCheck {
  readonly title: string
  /** In few words: `9 of 10 right`. */
  readonly result: string
  /** What the labels are of, in sentences. */
  readonly note: string
  readonly rows: readonly CheckedVideo[]
}

export interface CheckedVideo {
  readonly source: string
  /** What it shows, as its label would say it. */
  readonly expected: string
  /** The best of its labels. */
  readonly label: string
  readonly score: number
  readonly right: boolean
  /** True when the page has no place for the video to lead to. */
  readonly absent?: boolean
}

export interface ReportRecipe {
  /** Such as `ViT-B/32 + stan-self`. */
  readonly model: string
  readonly digest: string
  /** As a sentence fragment: `12 frames over the whole video`. */
  readonly sampling: string
  /** Clips stored with it. */
  readonly clips: number
}

export interface ReportTotals {
  readonly videos: number
  readonly clips: number
  /** Of video. */
  readonly seconds: number
  /** Labels by how many clips they are on top of, most first. */
  readonly leaders: readonly Leader[]
  /** Videos with pictures; the rest are rows. */
  readonly strips: number
}

export interface Leader {
  readonly label: string
  readonly clips: number
}

export interface ReportVideo {
  readonly source: string
  /** False when the video, or its rest, is still to be done. */
  readonly complete: boolean
  /** In order of time. */
  readonly clips: readonly ReportClip[]
  readonly strip?: Strip
}

export interface ReportClip {
  readonly start: number
  readonly end: number
  /** Best first; empty when nothing was labelled. */
  readonly labels: readonly ReportLabel[]
}

export interface ReportLabel {
  readonly label: string
  readonly score: number
}

/** Pictures of a video, or a sentence why there are none. */
export type Strip =
  | { readonly kind: 'pictures'; readonly pictures: readonly Picture[]; readonly sampled: number }
  | { readonly kind: 'missing'; readonly why: string }

export interface Picture {
  readonly time: number
  readonly width: number
  readonly height: number
  /** `data:image/jpeg;base64,…` */
  readonly uri: string
}

export interface ReportFailure {
  readonly source: string
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly clipsStored: number
  readonly attempts: number
  /** ISO 8601. */
  readonly lastFailedAt: string
}
