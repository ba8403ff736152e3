import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

interface Locked {
  readonly resolved?: string
  readonly integrity?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly link?: boolean
  readonly hasInstallScript?: boolean
}

const file = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${name}`, import.meta.url)), 'utf8')
const { packages } = JSON.parse(file('package-lock.json')) as { packages: Readonly<Record<string, Locked>> }
const installed = Object.entries(packages).filter(([name, { link }]) => name !== '' && link !== true)

/** Packages that would run code when installed, were they let; each was looked at. */
const WITH_SCRIPTS: ReadonlySet<string> = new Set([
  ...[
    '@tensorflow/tfjs-node',
    '@tensorflow/tfjs-node-gpu',
    'core-js',
    'koffi',
    'node-av',
    'onnxruntime-node',
  ],
])

test('everything comes from the npm registry, with a digest', () => {
  for (const [name, { resolved, integrity = '', optional }] of installed) {
    // Left out where it follows from the registry that npm is set to.
    if (resolved !== undefined) assert.match(resolved, /^https:\/\/registry\.npmjs\.org\//, name)
    // What is for other systems may be named without one, and is fetched by none of those that lack it.
    if (integrity !== '' || optional !== true) assert.match(integrity, /^sha512-/, name)
  }
})

test('no package runs code when it is installed, and those that would are known', () => {
  assert.match(file('.npmrc'), /^ignore-scripts=true$/m)
  const unknown = installed.filter(
    ([name, { dev, hasInstallScript }]) =>
      hasInstallScript && !dev && !WITH_SCRIPTS.has(name.split('node_modules/').at(-1) ?? ''),
  )
  assert.deepEqual(
    unknown.map(([name]) => name),
    [],
    'look at what its scripts do, then list it here',
  )
})
