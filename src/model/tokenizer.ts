import { Tokenizer } from '@huggingface/tokenizers'
import { StanflowError } from '../errors.js'

/** Texts as the model's text tower takes them. */
export interface TokenBatch {
  /** `[N, length]`, padded after each text's end. */
  readonly ids: Int32Array
  /** `[N]`: position of each text's end-of-text token. */
  readonly eos: Int32Array
  readonly count: number
}

export interface TextTokenizer {
  /** Ids from start-of-text to end-of-text, cut to `maxLength` with the end-of-text token kept. */
  encode(text: string, maxLength: number): number[]
  /** All texts, cut or padded to `length` tokens. */
  batch(texts: readonly string[], length: number): TokenBatch
}

/** Wraps a Hugging Face `tokenizer.json`. @throws StanflowError MODEL_TOKENIZER */
export function createTokenizer(json: object, origin: string): TextTokenizer {
  let tokenizer: Tokenizer
  try {
    tokenizer = new Tokenizer(json, {})
  } catch (cause) {
    throw new StanflowError('MODEL_TOKENIZER', `${origin} is not a usable tokenizer`, { cause })
  }
  const encode = (text: string, maxLength: number): number[] => {
    const { ids } = tokenizer.encode(text)
    return ids.length <= maxLength ? ids : [...ids.slice(0, maxLength - 1), ids[ids.length - 1] as number]
  }
  return {
    encode,
    batch(texts, length) {
      const rows = texts.map((text) => encode(text, length))
      const ids = new Int32Array(rows.length * length)
      for (const [n, row] of rows.entries()) ids.set(row, n * length)
      return { ids, eos: Int32Array.from(rows, (row) => row.length - 1), count: rows.length }
    },
  }
}
