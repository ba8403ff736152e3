import { type Document, isScalar, type LineCounter, parseDocument, visit } from 'yaml'

/** Characters of a file of settings: a hundred thousand labels, and far below what takes long. */
const MOST_CHARACTERS = 4_000_000
/** Aliases that may be resolved: nine of nine of nine are a bomb. */
const MOST_ALIASES = 100

/** What is wrong with a text that is to be YAML. */
export class YamlProblem extends Error {
  /** Offset in the text, where known. */
  readonly at: number | undefined

  constructor(message: string, at?: number) {
    super(message.replace(/\.$/, ''))
    this.at = at
  }
}

/**
 * A text as YAML, in time that grows with its length alone, whatever is in it.
 * @throws YamlProblem
 */
export function readYamlText(
  text: string,
  lineCounter?: LineCounter,
): { readonly document: Document.Parsed; readonly plain: unknown } {
  if (text.length > MOST_CHARACTERS) throw new YamlProblem(`it has more than ${MOST_CHARACTERS} characters`)
  try {
    // The library compares each key with all before it.
    const document = parseDocument(text, {
      ...{ prettyErrors: false, uniqueKeys: false },
      ...(lineCounter !== undefined && { lineCounter }),
    })
    const [broken] = document.errors
    if (broken !== undefined) throw new YamlProblem(broken.message, broken.pos[0])
    refuseDoubles(document)
    return { document, plain: document.toJS({ maxAliasCount: MOST_ALIASES }) as unknown }
  } catch (error) {
    if (error instanceof YamlProblem) throw error
    throw new YamlProblem(error instanceof Error ? error.message : String(error))
  }
}

function refuseDoubles(document: Document.Parsed): void {
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<unknown>()
      for (const { key } of items) {
        const name = isScalar(key) ? key.value : key
        if (seen.has(name)) {
          throw new YamlProblem('Map keys must be unique', isScalar(key) ? key.range?.[0] : undefined)
        }
        seen.add(name)
      }
    },
  })
}
