import type { StreamPiece } from '../../domain.js'
import type { MediaLimits } from '../limits.js'
import type { LiveAddress } from './address.js'

export const HWACCELS = ['none', 'cuda', 'vaapi', 'qsv', 'videotoolbox'] as const
export type Hwaccel = (typeof HWACCELS)[number]

/** Part of the picture, in shares of its width and height from the top left. */
export interface Region {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** One camera, as the media room plays it. */
export interface LiveSettings {
  /** `camera:ID`. */
  readonly source: string
  readonly address: LiveAddress
  /** Pixels along a side of the frames: short side to it, then the centre. */
  readonly size: number
  /** Frames wanted in a second; fewer come where the stream has fewer. */
  readonly fps: number
  readonly region?: Region
  /** Of RTSP. */
  readonly transport: 'tcp' | 'udp'
  readonly hwaccel: Hwaccel
  /** Such as `/dev/dri/renderD128`, or a card's number. */
  readonly hwaccelDevice?: string
  /** Decode only pictures that need no other: cheap, and as coarse as the camera's keyframe interval. */
  readonly keyframesOnly: boolean
  /** Seconds without a frame that count as a drop; and before the first. */
  readonly silence: number
  readonly patience: number
  /** Of them pixels, and memory where the processor decodes. Default: `LIMITS`. */
  readonly limits?: MediaLimits
  /** Of a file: begin again at its end. */
  readonly loop: boolean
  /** Say of each frame how much it changed. */
  readonly measureChange: boolean
  /** Where a frame's pixels go. */
  readonly allocate: (bytes: number) => Uint8Array
  /** Called with the compressed stream; without it the stream is not kept. */
  readonly onPiece?: (piece: StreamPiece) => void
  /** Told once a connection what was noticed, without secrets. */
  readonly onNote?: (note: string) => void
}
