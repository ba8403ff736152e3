import type { Similarity } from './similarity.js'

/** Of the embeddings as wholes. */
export const cosine: Similarity = {
  name: 'cosine',
  compare: (g, texts, videos) => g.matmul(texts.whole, g.transpose(videos.whole, [1, 0])),
}
