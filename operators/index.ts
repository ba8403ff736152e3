export { type BatchOptions, batch } from './batch.js'
export { Budget } from './budget.js'
export { clipId } from './clip-id.js'
export { type DecodeOptions, type DecodingVideo, decode, type OpenVideo } from './decode.js'
export { type Encoded, encodeVideo, type VideoEncoder, type WithFrames } from './encode-video.js'
export { FramePool } from './frame-pool.js'
export { classify, type LabelSet, label } from './label.js'
export { CameraEvents } from './live/camera-events.js'
export type { CameraParts, SeenClip } from './live/camera-parts.js'
export {
  type CutWindowsOptions,
  type LiveClip,
  WindowCutter,
  type WindowSampling,
} from './live/cut-windows.js'
export { FairQueue, type FairQueueOptions } from './live/fair-queue.js'
export { InOrder } from './live/in-order.js'
export { type KeepOpenOptions, keepOpen } from './live/keep-open.js'
export { MotionGate, type MotionGateOptions } from './live/motion-gate.js'
export { Pace } from './live/pace.js'
export { Pacer } from './live/pacer.js'
export { Widening } from './live/widening.js'
export { planClips, shownAt, type Timeline, uniformIndices } from './plan-clips.js'
export { pull } from './pull.js'
export {
  events,
  isCamera,
  type Rule,
  RuleBook,
  type SavedWatches,
  type Scored,
  scoreOf,
} from './rules/index.js'
export { type SampleClipsOptions, sampleClips } from './sample-clips.js'
export { type ClipSink, store } from './store.js'
