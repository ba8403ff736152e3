import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { tables, withTables } from './tables.js'

/** What a load takes, on paper: `npm run scaling`; with `-- --write` into docs/scaling.md. */
const PAGE = fileURLToPath(new URL('../../../docs/scaling.md', import.meta.url))
if (process.argv.includes('--write')) {
  writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8')))
} else {
  for (const [name, table] of Object.entries(tables())) process.stdout.write(`${name}\n\n${table}\n\n`)
}
