import type { Demuxed } from '../demuxed.js'
import type { FrameRequest, Geometry, VideoInfo } from '../reader.js'

/** What a reader asks its decoder process, one thing at a time, over the IPC channel. */
export type Task =
  /** `index`: a small file with the same packets, where there is one. */
  (
    | { readonly kind: 'probe'; readonly path: string; readonly index: string | undefined }
    | {
        readonly kind: 'frames'
        readonly video: VideoInfo
        readonly indices: FrameRequest['indices']
        readonly geometry: Geometry
        readonly threads: number
      }
  ) & {
    /** Processor seconds that it may take. */
    readonly cpu: number
    /** Of a picture at most. */
    readonly pixels: number
  }

/** What comes back over the byte pipe: three little-endian uint32 (kind, value, length), then `length` bytes. */
export const HEADER_BYTES = 12
export const Kind = {
  /** JSON: the demuxed file without its packets. */
  demuxed: 1,
  /** Of the packets: pts as float64, then, in another record, a byte each for key. */
  packets: 2,
  /** Pixels of one frame; the value is its index. */
  frame: 3,
  /** JSON: why it failed. */
  failed: 4,
  end: 5,
  /** Work goes on, though there is nothing to show for it yet. */
  alive: 6,
} as const

export type DemuxedHead = Omit<Demuxed, 'packets'>

export interface Failure {
  /** `open`: the file is no video; `stream`: it has none; `decode`: the data is bad; `read`: the disk fails; `unsupported`: no decoder; `costly`: no processor time is left. */
  readonly stage: 'open' | 'stream' | 'decode' | 'read' | 'unsupported' | 'costly'
  readonly detail: string
}
