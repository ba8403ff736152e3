import type { WrittenFile } from '../formats/write-safetensors.js'

export interface ImportRequest {
  /** Weights of another project: a file, an index of shards, or a Hugging Face folder. */
  readonly source: string
  /** A CLIP folder for what the source lacks: configuration, tokenizer, text tower. */
  readonly clip?: string | undefined
  /** The model folder to make. */
  readonly to: string
  /** Replace an imported model that is there. */
  readonly force: boolean
  /** Written down as what made the folder. */
  readonly version: string
}

export interface ImportHooks {
  readonly onProgress?: (progress: { readonly bytes: number; readonly total: number }) => void
  readonly signal?: AbortSignal | undefined
}

/** What an import made, and of what; `provenance.json` in the folder. */
export interface Provenance {
  readonly stanflow: string
  readonly source: readonly FileFacts[]
  /** The CLIP folder's files, where one was given. */
  readonly clip: readonly FileFacts[]
  /** Where the configuration and the tokenizer are from. */
  readonly config: string
  readonly tokenizer: string
  readonly files: Readonly<Record<string, WrittenFile & { readonly tensors: number }>>
  /** Tensors taken from elsewhere, by where. */
  readonly filled: Readonly<Record<string, readonly string[]>>
  /** What the source held besides the model. */
  readonly dropped: readonly string[]
}

export interface FileFacts {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

export interface ImportedModel {
  readonly folder: string
  readonly structure: string
  readonly parameters: number
  readonly provenance: Provenance
  /** True where the folder already held exactly this. */
  readonly unchanged: boolean
}
