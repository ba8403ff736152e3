import { z } from 'zod'

/** What a BPE tokenizer.json has that must change when its vocabulary does. */
const Bpe = z.looseObject({
  added_tokens: z.array(z.looseObject({ content: z.string(), id: z.int() })),
  post_processor: z.looseObject({ sep: z.tuple([z.string(), z.int()]), cls: z.tuple([z.string(), z.int()]) }),
  model: z.looseObject({ vocab: z.record(z.string(), z.int()), merges: z.array(z.string()) }),
})

/** A tokenizer small enough for a small model. */
export interface CutTokenizer {
  /** `tokenizer.json` */
  readonly json: object
  readonly vocabulary: number
  /** Ids of start and end of text. */
  readonly bos: number
  readonly eos: number
}

/** Tokens of single bytes in CLIP's vocabulary: any text can be spelt in them. */
const BYTE_TOKENS = 512

/**
 * CLIP's tokenizer with no more merges than these words need, each of which stays one token where CLIP has it as one.
 * Every other text is spelt out in bytes and pieces, so nothing a person types fails.
 */
export function cutTokenizer(clip: object, words: Iterable<string>): CutTokenizer {
  const full = Bpe.parse(clip)
  const ranks = new Map(full.model.merges.map((merge, rank) => [merge, rank]))
  const needed = new Set<number>()
  for (const word of new Set(words)) for (const rank of mergesOf(word, ranks)) needed.add(rank)
  const merges = [...needed].sort((a, b) => a - b).map((rank) => full.model.merges[rank] as string)
  const bytes = Object.entries(full.model.vocab).filter(([, id]) => id < BYTE_TOKENS)
  const tokens = [...bytes.sort(([, a], [, b]) => a - b).map(([token]) => token)]
  for (const merge of merges) {
    const token = merge.replace(' ', '')
    if (!tokens.includes(token)) tokens.push(token)
  }
  const bos = tokens.length
  const eos = bos + 1
  const [start, end] = [full.post_processor.cls[0], full.post_processor.sep[0]]
  tokens.push(start, end)
  const json = {
    ...full,
    added_tokens: full.added_tokens.map((one) => ({ ...one, id: one.content === start ? bos : eos })),
    post_processor: { ...full.post_processor, cls: [start, bos], sep: [end, eos] },
    model: { ...full.model, vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
  }
  return { json, vocabulary: tokens.length, bos, eos }
}

/** The merges that byte-pair encoding makes of a lower-case ASCII word, by rank. */
function mergesOf(word: string, ranks: ReadonlyMap<string, number>): number[] {
  let parts = [...word.slice(0, -1), `${word.at(-1)}</w>`]
  const used: number[] = []
  for (;;) {
    const pairs = parts
      .slice(1)
      .map((part, i) => ranks.get(`${parts[i]} ${part}`) ?? Number.POSITIVE_INFINITY)
    const best = Math.min(...pairs)
    if (!Number.isFinite(best)) return used
    used.push(best)
    const joined: string[] = []
    for (let i = 0; i < parts.length; i++) {
      const merge = pairs[i] === best
      joined.push(merge ? `${parts[i]}${parts[i + 1]}` : (parts[i] as string))
      if (merge) i++
    }
    parts = joined
  }
}
