import type { ErrorCode } from '../../errors.js'
import type { ModelInfo } from '../engine.js'

/** What the engine asks its worker thread. */
export type Question = { readonly id: number } & (
  | { readonly kind: 'load' }
  /** `pixels`: uint8 `[clips · T, S, S, 3]`; its buffer moves to the worker and comes back with the answer. */
  | { readonly kind: 'video'; readonly pixels: Uint8Array<ArrayBuffer>; readonly clips: number }
  | { readonly kind: 'text'; readonly texts: readonly string[] }
  /** Lets the model go once what came before is computed; the thread then ends. */
  | { readonly kind: 'close' }
)

export interface Answer {
  readonly id: number
  readonly info?: ModelInfo
  /** `[n, dim]`, row by row. */
  readonly vectors?: Float32Array
  readonly pixels?: Uint8Array<ArrayBuffer>
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly hint: string }
}
