import { getSystemErrorName } from 'node:util'
import { StanflowError } from '../../errors.js'

/** libav's negative results as errors. @throws StanflowError MEDIA_UNSUPPORTED */
export function check(code: number, what: string): void {
  if (code < 0) throw new StanflowError('MEDIA_UNSUPPORTED', `${what} (libav error ${code})`)
}

/** Of writing a file. @throws Error with the system's code (ENOSPC, …) where it is the disk's; StanflowError MEDIA_UNSUPPORTED */
export function checkWritten(code: number, what: string): void {
  // libav's codes of its own are below the system's.
  if (code < 0 && code > LOWEST_ERRNO)
    throw Object.assign(new Error(`${what} (libav error ${code})`), { code: getSystemErrorName(code) })
  check(code, what)
}

const LOWEST_ERRNO = -200
