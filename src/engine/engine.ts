import type { Weights } from '../model/algebra.js'
import type { ModelGraph } from '../model/graphs.js'
import type { ModelRequest } from '../model/load.js'

export const ENGINE_NAMES = ['onnx', 'openvino', 'tfjs'] as const
export type EngineName = (typeof ENGINE_NAMES)[number]

/** What a model computes in. int8: linear layers only, activations scaled as they come, or as calibrated. */
export const PRECISIONS = ['fp32', 'bf16', 'fp16', 'int8'] as const
export type Precision = (typeof PRECISIONS)[number]

/** Where: the processor, or a graphics card through CUDA, or through TensorRT. */
export const DEVICES = ['cpu', 'cuda', 'tensorrt'] as const
export type Device = (typeof DEVICES)[number]

export interface LoadRequest extends ModelRequest {
  readonly engine: EngineName
  /** Frames in every clip. */
  readonly frames: number
  readonly precision: Precision
  readonly device: Device
  /** Which card, counted from 0. */
  readonly deviceId?: number
  /** With int8: a file of activation ranges, measured on the user's own videos; without it they are taken as they come. */
  readonly calibration?: string
  /**
   * Clips overlap: the passes of so many frames through CLIP are kept and shared between clips, where the structure leaves
   * CLIP as it is. Frames are told apart by object identity. Results are the same. Absent: nothing is shared.
   */
  readonly sharedFrames?: number
  /** Tokens that texts are cut to; default 32, and never more than the model has places for. */
  readonly textLength?: number
  /** Cores the engine may use; default: all. */
  readonly threads?: number
}

/** What a loaded model is; plain data. */
export interface ModelInfo {
  readonly name: string
  readonly structure: string
  /** Identifies weights, configuration, structure and precision. */
  readonly digest: string
  /** Identifies the tokenizer and the length texts are cut to; absent where the model has none. */
  readonly textDigest?: string
  /** Tokens that texts are cut or padded to. */
  readonly textLength: number
  readonly random: boolean
  readonly parameters: number
  /** Width of the embeddings. */
  readonly dim: number
  /** Pixels along a side of the square frames it takes. */
  readonly size: number
  readonly frames: number
  readonly precision: Precision
  /** exp(logit_scale). */
  readonly scale: number
}

/** A picture, uint8 RGB `[size, size, 3]`. */
export interface FramePixels {
  readonly pixels: Uint8Array
}

/** A clip as an engine needs it: `frames` pictures. */
export interface ClipPixels {
  readonly frames: readonly FramePixels[]
}

/** A clip as search sees it; all vectors have unit length. */
export interface VideoVectors {
  /** `[dim]` */
  readonly video: Float32Array
  /** `[T, dim]`: what token-wise similarities compare. */
  readonly frames: Float32Array
  /** `[T]`: how much each frame counts in `wti`, 1 in all; where the model was trained with it. */
  readonly weights?: Float32Array
}

/** A text as search sees it; all vectors have unit length. */
export interface TextVectors {
  /** `[dim]` */
  readonly text: Float32Array
  /** `[tokens, dim]`, from start-of-text to end-of-text. */
  readonly tokens: Float32Array
  /** `[tokens]`: how much each token counts in `wti`, 1 in all; where the model was trained with it. */
  readonly weights?: Float32Array
}

/** A model on hardware. Inference runs beside the caller's thread. */
export interface LoadedModel {
  /** In words: engine, its version and where it computes. */
  readonly engine: string
  readonly info: ModelInfo
  /**
   * `[dim]` unit vectors, one a clip. Frames are copied before the call returns its promise: their buffers are the
   * caller's again at once. @throws StanflowError ENGINE_FAILED
   */
  encodeVideo(clips: readonly ClipPixels[]): Promise<Float32Array[]>
  /** The same, with a vector for each frame beside it. */
  encodeClips(clips: readonly ClipPixels[]): Promise<VideoVectors[]>
  /** `[dim]` unit vectors, one a text. */
  encodeText(texts: readonly string[]): Promise<Float32Array[]>
  /** The same, with a vector for each token beside it. */
  encodeTokens(texts: readonly string[]): Promise<TextVectors[]>
  /** What the frame cache has done so far, in frames. */
  readonly work: { readonly asked: number; readonly computed: number }
  close(): Promise<void>
}

/** Values in host memory on their way into an engine. */
export interface HostArray {
  readonly shape: readonly number[]
  readonly data: Uint8Array | Int32Array | Float32Array
}

/** A graph, ready to run. */
export interface Runner {
  /** Outputs by name, row-major. They are the caller's. */
  run(inputs: Readonly<Record<string, HostArray>>): Promise<Readonly<Record<string, Float32Array>>>
  release(): Promise<void>
}

/** What stands behind a model's thread: it compiles graphs and runs them. */
export interface Engine {
  /** In words: its name, version and where it computes. */
  readonly name: string
  /** Frames in one run, beyond which a larger run gains nothing here. */
  readonly framesPerRun: number
  /** @throws StanflowError ENGINE_FAILED */
  compile(graph: ModelGraph, weights: Weights): Promise<Runner>
}

/** One way to compute on this machine, or why there is none. Nothing is loaded for good to find out. */
export interface EngineReport {
  readonly engine: EngineName
  readonly device: Device
  readonly available: boolean
  /** In words: library and version, or what is missing. */
  readonly detail: string
  /** What to do about what is missing. */
  readonly hint?: string
  /** The precisions that work, the quickest first. */
  readonly precisions: readonly Precision[]
  /** Those of them that need a calibration. */
  readonly calibrated?: readonly Precision[]
}

/** Opens an engine inside the model's thread. @throws StanflowError ENGINE_MISSING */
export type OpenEngine = (request: LoadRequest) => Promise<Engine>

/** What an engine's folder offers. */
export interface EngineModule {
  readonly open: OpenEngine
  /** A row for each device; never throws. */
  readonly probe: () => Promise<readonly EngineReport[]>
}
