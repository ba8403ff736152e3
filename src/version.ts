import { readFileSync } from 'node:fs'

// Compiled, this file lies in dist/src.
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** Of this package, as package.json says. */
export const VERSION = version
