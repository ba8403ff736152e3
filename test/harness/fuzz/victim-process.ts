import { readFileSync } from 'node:fs'
import { StanflowError } from '../../../src/errors.js'
import type { PlantedFault } from './door.js'
import { READERS } from './readers.js'

const [name = '', beside = '', planted] = process.argv.slice(2)
const read = READERS[name]
if (read === undefined) throw new Error(`there is no reader ${name}`)

let count = 0
/** Faults of which it is known that they are there: the harness must see each of them. */
const PLANTED: Readonly<Record<PlantedFault, (text: string) => string | undefined>> = {
  crash: () => {
    process.abort()
  },
  hang: () => {
    for (;;) count++
  },
  memory: () => {
    Buffer.alloc(3 * 2 ** 30, 1)
    return undefined
  },
  unnamed: () => {
    throw new TypeError('planted')
  },
  neighbour: () => 'another result',
}

process.on('message', ({ path }: { readonly path: string }) => {
  void answer(path).then((said) => process.send?.(said))
})
process.on('disconnect', () => process.exit(0))

async function answer(path: string): Promise<object> {
  try {
    const result = await (read as (path: string, beside: string) => Promise<string>)(path, beside)
    // A mutant is met with a few before it, so that what is wrong is wrong amid others.
    const isDue = planted === 'neighbour' ? path.includes('good') : !path.includes('good')
    const other = isDue && planted !== undefined && ++count > 3 ? plant() : undefined
    return { kind: 'taken', result: other ?? result }
  } catch (error) {
    const isDue = planted !== undefined && planted !== 'neighbour' && !path.includes('good') && ++count > 3
    try {
      if (isDue) plant()
    } catch (fault) {
      return refused(fault)
    }
    return refused(error)
  }
}

const plant = (): string | undefined =>
  PLANTED[planted as PlantedFault]?.(readFileSync('/proc/self/comm', 'utf8'))

function refused(error: unknown): object {
  const code = error instanceof StanflowError ? error.code : 'UNNAMED'
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { kind: 'refused', code, message: message.slice(0, 800) }
}
