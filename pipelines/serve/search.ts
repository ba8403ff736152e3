import { StanflowError } from '../../src/errors.js'
import type { Search } from '../../src/server/parts.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { ResultsLibrary } from './library.js'

export interface SearchOptions {
  /** Where `stanflow index` wrote. */
  readonly index: string
}

/** A search that is to be closed. */
export interface OpenSearch extends Search {
  close(): Promise<void>
}

export async function openSearch(
  _options: SearchOptions | undefined,
  _library: ResultsLibrary | undefined,
  _log: Logger,
): Promise<OpenSearch> {
  return {
    status: () => ({ ready: false, what: 'There is no index.' }),
    find: async () => {
      throw new StanflowError('SEARCH_NOT_READY', 'There is no index to search in.')
    },
    close: async () => undefined,
  }
}
