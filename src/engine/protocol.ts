import type { ErrorCode } from '../errors.js'
import type { ModelInfo } from './engine.js'

/** What a model's host asks its thread. */
export type Question = { readonly id: number } & (
  | { readonly kind: 'load' }
  | ({ readonly kind: 'video' } & VideoQuestion)
  /** `tokens`: whether the token vectors are wanted too. */
  | { readonly kind: 'text'; readonly texts: readonly string[]; readonly tokens: boolean }
  /** Lets the model go once what came before is computed; the thread then ends. */
  | { readonly kind: 'close' }
)

export interface VideoQuestion {
  /** uint8 `[new frames, S, S, 3]`; its buffer moves to the thread and comes back with the answer. */
  readonly pixels: Uint8Array<ArrayBuffer>
  readonly clips: number
  /**
   * With a frame cache: `fill` says which slot each new frame's features go to, `use` which slots the `[clips, T]` frames
   * are. Without: the pixels are `[clips, T]` frames themselves.
   */
  readonly slots?: { readonly fill: Int32Array; readonly use: Int32Array }
}

/** What the host must know of a model that is ready. */
export interface Loaded {
  readonly info: ModelInfo
  /** The engine in words. */
  readonly engine: string
  /** Frames whose features the thread keeps; absent where frames are not shared. */
  readonly slots?: number
}

export interface Answer {
  readonly id: number
  readonly loaded?: Loaded
  /** `[n, dim]` and `[n, T or tokens, dim]`, row by row. */
  readonly vectors?: Float32Array
  readonly parts?: Float32Array
  /** `[n, T or tokens]`: how much parts count, before a softmax. */
  readonly scores?: Float32Array
  /** Texts: how many of the token vectors are the text's. */
  readonly lengths?: Int32Array
  readonly pixels?: Uint8Array<ArrayBuffer>
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly hint: string }
}
