import type { ModelRequest } from '../model/load.js'

export type Precision = 'fp32'

export interface LoadRequest extends ModelRequest {
  /** Frames in every clip. */
  readonly frames: number
  readonly precision: Precision
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

/** A clip as an engine needs it: `frames` pictures, uint8 RGB `[size, size, 3]` each. */
export interface ClipPixels {
  readonly frames: readonly { readonly pixels: Uint8Array }[]
}

/** A model on hardware. Inference runs beside the caller's thread. */
export interface LoadedModel {
  readonly engine: string
  readonly info: ModelInfo
  /**
   * `[dim]` unit vectors, one a clip. Frames are copied before the call returns its promise: their buffers are the
   * caller's again at once. @throws StanflowError ENGINE_FAILED
   */
  encodeVideo(clips: readonly ClipPixels[]): Promise<Float32Array[]>
  /** `[dim]` unit vectors, one a text. */
  encodeText(texts: readonly string[]): Promise<Float32Array[]>
  close(): Promise<void>
}
