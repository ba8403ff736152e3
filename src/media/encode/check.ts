import { StanflowError } from '../../errors.js'

/** libav's negative results as errors. @throws StanflowError MEDIA_UNSUPPORTED */
export function check(code: number, what: string): void {
  if (code < 0) throw new StanflowError('MEDIA_UNSUPPORTED', `${what} (libav error ${code})`)
}
