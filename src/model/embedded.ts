import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

/** Tokens in OpenAI's vocabulary, which CLIPs share unless they say otherwise. */
export const CLIP_VOCABULARY = 49_408

/** OpenAI's CLIP vocabulary as `tokenizer.json`, compressed: it comes with stanflow. */
export const CLIP_TOKENIZER_FILE: string = fileURLToPath(assetUrl('clip-tokenizer.json.gz'))

/** The same, as text. */
export const clipTokenizerJson = (): string => gunzipSync(readFileSync(CLIP_TOKENIZER_FILE)).toString('utf8')

/** The model that comes with stanflow, as any other model folder. docs/default-model.md says what it knows. */
export const DEFAULT_MODEL_FOLDER: string = fileURLToPath(assetUrl('default'))

/** Assets lie beside the sources; compiled code finds them from its own place in `dist`. */
function assetUrl(name: string): URL {
  const beside = new URL(`./assets/${name}`, import.meta.url)
  return existsSync(beside) ? beside : new URL(`../../../src/model/assets/${name}`, import.meta.url)
}
