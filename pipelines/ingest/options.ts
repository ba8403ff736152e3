import type { CameraParts } from '../../operators/index.js'
import type { CameraSettings } from '../../src/config/cameras.js'
import type { S3Settings } from '../../src/connect/s3/client.js'
import type { ResultFormat } from '../../src/connect/store.js'
import type { Event } from '../../src/domain.js'
import type { MediaLimits } from '../../src/media/limits.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { KafkaOptions } from '../kafka.js'
import type { ModelOptions } from '../open-model.js'

export type { CameraSettings }

/** Where clips and events go. */
export type Destination =
  /** JSON lines on standard output. */
  | { readonly kind: 'lines' }
  /** A folder or `s3://bucket/prefix`. */
  | { readonly kind: 'place'; readonly place: string; readonly format: ResultFormat }
  | ({ readonly kind: 'kafka' } & KafkaOptions)
  /** Pictures to the topic `clips`; consumers do the rest. `place`: for those that are too large for it. */
  | ({ readonly kind: 'clips'; readonly place?: string; readonly quality: number } & KafkaOptions)

export interface IngestOptions extends Omit<ModelOptions, 'sampling' | 'concurrency'> {
  readonly cameras: readonly CameraSettings[]
  readonly to: Destination
  /** Labels to keep for each clip. */
  readonly top: number
  /** A batch that is not full goes to the model after so many seconds. */
  readonly batchDeadline: number
  /** Seconds of results in files that a crash may cost at most. */
  readonly checkpointSeconds: number
  readonly s3?: S3Settings
  /** Of them pixels and memory. */
  readonly limits?: MediaLimits
  /** Seconds that a drain may take; what then is undelivered is given up. Default 15. */
  readonly drainSeconds?: number
  /** Pixels along a side of what `clips` holds; elsewhere the model decides. */
  readonly side: number
  /** A folder or `s3://bucket/prefix` for videos and pictures of events; absent: none are kept. */
  readonly record?: string
}

/** What plugs into a camera, made anew whenever the camera is begun. `emit`: its events go where clips go. */
export type OpenParts = (camera: CameraSettings, emit: (event: Event) => void) => CameraParts

export interface IngestHooks {
  /** Aborting drains: cameras are let go, clips that were cut are delivered. */
  readonly signal?: AbortSignal
  readonly log?: Logger
  readonly metrics?: Metrics
  readonly parts?: OpenParts
  /** Cameras as they are to be from now on, whenever that changes. */
  readonly changes?: AsyncIterable<readonly CameraSettings[]>
  /** One JSON line, for `{ kind: 'lines' }`. */
  readonly onLine?: (line: string) => void
  readonly onReady?: () => void
  readonly onWaiting?: (waiting: () => string | undefined) => void
}

/** What became of a camera's clips: `cut` is the sum of `delivered`, `dropped` and `still` once all is done. */
export interface CameraCounts {
  readonly camera: string
  readonly frames: number
  /** Windows of which a clip was made. */
  readonly cut: number
  readonly delivered: number
  /** Clips that gave way to newer ones, or that could not be delivered. */
  readonly dropped: number
  /** Clips in which nothing moved. */
  readonly still: number
  /** Windows that were due and left out, so that fewer are dropped. */
  readonly widened: number
  /** Connections that ended, or came to nothing. */
  readonly drops: number
  /** Events of camera and rules. */
  readonly events: number
}

export interface IngestSummary {
  readonly model: string | undefined
  readonly modelDigest: string | undefined
  readonly engine: string | undefined
  readonly cameras: readonly CameraCounts[]
  readonly seconds: number
  readonly notes: readonly string[]
}
