import { createRequire } from 'node:module'

/**
 * apache-arrow as LanceDB loads it. It tells its own classes by `instanceof`, and the module that an `import` gets is
 * another copy of them.
 */
export const arrow = createRequire(import.meta.url)('apache-arrow') as typeof import('apache-arrow')
