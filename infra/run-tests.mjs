// Runs the tests, two files at a time, and last prints how many passed and failed.
//
//   npm test                          all of them
//   npm test -- dist/test/model       those in a folder, or in the files named
//
// A file that does not end is ended and named. Few files that fail are run once more, each alone: one that passes then
// is named as unsteady, for a machine that was busy or for a race that somebody should look into; it stays no failure.
import { readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { run } from 'node:test'
import { spec, tap } from 'node:test/reporters'

const SIDE_BY_SIDE = 2
const LIMIT_MS = 600_000
/** More than that is no accident. */
const TRIED_AGAIN = 3

const asked = process.argv.slice(2)
const files = (asked.length > 0 ? asked : ['dist/test']).flatMap((path) => testsUnder(path)).sort()
if (files.length === 0) {
  console.error(`no tests in ${asked.join(', ')}: name files or folders under dist/test`)
  process.exit(1)
}

const first = await runAll(files, SIDE_BY_SIDE)
let { passed, failed, skipped } = first
const again = first.failing.length <= TRIED_AGAIN ? first.failing : []
const unsteady = []
for (const file of again) {
  console.log(`\nOnce more, alone: ${relative('.', file)}`)
  const second = await runAll([file], 1)
  if (second.failing.length > 0) continue
  const before = first.ofFile.get(file)
  passed += second.passed - before.passed
  failed -= before.failed
  unsteady.push(file)
}
const broken = first.failing.filter((file) => !unsteady.includes(file))

console.log('')
for (const file of unsteady) console.log(`UNSTEADY: ${relative('.', file)} failed at first and passed alone`)
for (const file of broken) console.log(`FAILED: ${relative('.', file)}`)
if (skipped > 0) console.log(`${skipped} skipped: each says why`)
if (passed + failed === 0) console.log('No test ran')
console.log(`${passed} passed, ${failed} failed`)
process.exit(broken.length > 0 || failed > 0 || passed === 0 ? 1 : 0)

function testsUnder(path) {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return []
  if (found.isFile()) return [join(process.cwd(), path)]
  return readdirSync(path, { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(process.cwd(), path, name))
}

function sourceOf(file) {
  return file
    ?.replace(/^file:\/\//, '')
    .replace(/\/dist\/test\//, '/test/')
    .replace(/\.[jt]s$/, '')
}

/** Counts tests, not their groups; a file that dies or hangs without naming a test is one failure. */
async function runAll(files, concurrency) {
  const ofFile = new Map(files.map((file) => [file, { passed: 0, failed: 0, skipped: 0 }]))
  // With source maps, events name the source of a file.
  const bySource = new Map(files.map((file) => [sourceOf(file), ofFile.get(file)]))
  const stream = run({ files, concurrency, timeout: LIMIT_MS })
  const isFile = ({ name, nesting }) => nesting === 0 && ofFile.has(name)
  stream.on('test:pass', (event) => {
    if (isFile(event) || event.details.type === 'suite') return
    const counts = bySource.get(sourceOf(event.file))
    if (counts === undefined) return
    if (event.skip !== undefined || event.todo !== undefined) counts.skipped++
    else counts.passed++
  })
  stream.on('test:fail', (event) => {
    if (isFile(event)) {
      const counts = ofFile.get(event.name)
      if (counts.failed === 0) counts.failed = 1
      return
    }
    const counts = bySource.get(sourceOf(event.file))
    if (counts !== undefined && event.details.type !== 'suite') counts.failed++
  })
  const readable = process.stdout.isTTY ? stream.compose(new spec()) : stream.compose(tap)
  for await (const text of readable) process.stdout.write(text)
  const all = [...ofFile.values()]
  const sum = (key) => all.reduce((total, counts) => total + counts[key], 0)
  return {
    ofFile,
    passed: sum('passed'),
    failed: sum('failed'),
    skipped: sum('skipped'),
    failing: files.filter((file) => ofFile.get(file).failed > 0),
  }
}
