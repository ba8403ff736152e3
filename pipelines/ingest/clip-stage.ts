import type { OperatorFunction } from 'rxjs'
import type { FramePool, InOrder, LiveClip, SeenClip } from '../../operators/index.js'
import type { Load } from './load.js'

/** Batches of clips → the same, once the destination has them, or what was made of them. */
export type ClipStage = OperatorFunction<readonly LiveClip[], readonly LiveClip[]>

/** What a stage works with, whatever it makes of clips. */
export interface StageParts {
  /** Has the pixels back as soon as they are not needed any more. */
  readonly pool: FramePool
  readonly load: Load
  /** To each camera's rules. */
  readonly seen: InOrder<LiveClip, SeenClip>
}
