import { StanflowError } from '../errors.js'

/** What LanceDB throws, as a StanflowError: its own words are kept. */
export function indexError(what: string, error: unknown): StanflowError {
  if (error instanceof StanflowError) return error
  const said = error instanceof Error ? error.message : String(error)
  const first = said.split('\n')[0]?.replace(/, [/\w.-]*\.rs:\d+:\d+.*$/, '') ?? ''
  if (/no space left|StorageFull/i.test(said))
    return new StanflowError('OUTPUT_FULL', `${what}: ${first}`, { cause: error })
  if (/permission denied/i.test(said)) {
    return new StanflowError('OUTPUT_PERMISSION', `${what}: ${first}`, { cause: error })
  }
  return new StanflowError('INDEX_FAILED', `${what}: ${first}`, { cause: error })
}

/** Runs a call of LanceDB. @throws StanflowError */
export async function lance<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw indexError(what, error)
  }
}
