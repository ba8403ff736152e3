import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StanflowError } from '../../errors.js'
import { CLIP_VOCABULARY, clipTokenizerJson } from '../embedded.js'

/** A tokenizer's text, and where it came from. */
export interface FoundTokenizer {
  readonly json: string
  readonly from: string
}

/**
 * The tokenizer of a model: `tokenizer.json` of the first folder that has one, or what its `vocab.json` and `merges.txt` make,
 * else CLIP's own where the vocabulary has its size. Undefined where nothing fits.
 * @throws StanflowError MODEL_TOKENIZER
 */
export function findTokenizer(
  folders: readonly (string | undefined)[],
  vocabulary: number,
): FoundTokenizer | undefined {
  for (const folder of folders) {
    if (folder === undefined) continue
    const whole = join(folder, 'tokenizer.json')
    if (existsSync(whole)) return { json: readFileSync(whole, 'utf8'), from: 'tokenizer.json' }
    const [vocab, merges] = [join(folder, 'vocab.json'), join(folder, 'merges.txt')]
    if (existsSync(vocab) && existsSync(merges))
      return { json: fromMerges(vocab, merges), from: 'vocab.json and merges.txt' }
  }
  if (vocabulary !== CLIP_VOCABULARY) return undefined
  return { json: clipTokenizerJson(), from: "CLIP's own vocabulary" }
}

type Marker = readonly [token: string, id: number]

interface TokenizerJson {
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[]
  readonly post_processor: { readonly sep: Marker; readonly cls: Marker }
  readonly model: object
}

/** CLIP's rules with another vocabulary: what the old pair of files means. */
function fromMerges(vocabPath: string, mergesPath: string): string {
  try {
    const vocab = JSON.parse(readFileSync(vocabPath, 'utf8')) as Record<string, number>
    const merges = readFileSync(mergesPath, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#version'))
    const own = JSON.parse(clipTokenizerJson()) as TokenizerJson
    const renumbered = ([token, id]: Marker): Marker => [token, vocab[token] ?? id]
    const { sep, cls } = own.post_processor
    return JSON.stringify({
      ...own,
      added_tokens: own.added_tokens.map((token) => ({ ...token, id: vocab[token.content] ?? token.id })),
      post_processor: { ...own.post_processor, sep: renumbered(sep), cls: renumbered(cls) },
      model: { ...own.model, vocab, merges },
    })
  } catch (cause) {
    throw new StanflowError('MODEL_TOKENIZER', `${vocabPath} and ${mergesPath} make no tokenizer`, { cause })
  }
}
