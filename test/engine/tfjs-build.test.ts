import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const checkout = fileURLToPath(new URL('../../../', import.meta.url))
const elsewhere = await mkdtemp(join(tmpdir(), 'stanflow-build-'))
after(() => rm(elsewhere, { recursive: true, force: true }))

function build(root: string, env: NodeJS.ProcessEnv = {}) {
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const
  return spawnSync(process.execPath, [join(root, 'infra/build-tfjs.mjs')], options)
}

describe('npm run build:tfjs', () => {
  test('says nothing where all is there', () => {
    const { status, stdout, stderr } = build(checkout)
    assert.deepEqual([status, stdout, stderr], [0, '', ''])
  })

  test('says what is missing, one thing after the other, and leaves nothing behind', async () => {
    await mkdir(join(elsewhere, 'infra'))
    await copyFile(join(checkout, 'infra/build-tfjs.mjs'), join(elsewhere, 'infra/build-tfjs.mjs'))
    const refuses = (matching: RegExp, env?: NodeJS.ProcessEnv): void => {
      const { status, stderr } = build(elsewhere, env)
      assert.equal(status, 1)
      assert.match(stderr, matching)
    }
    refuses(/tfjs-node is not installed\.\nRun `npm ci`/)

    const folder = join(elsewhere, 'node_modules/@tensorflow/tfjs-node')
    await mkdir(folder, { recursive: true })
    await copyFile(
      join(checkout, 'node_modules/@tensorflow/tfjs-node/package.json'),
      join(folder, 'package.json'),
    )
    const PATH = join(elsewhere, 'bin')
    await mkdir(PATH)
    refuses(/compiler is missing\.\nInstall one \(apt-get install g\+\+\)/, { PATH, CXX: '' })

    await symlink('/bin/true', join(PATH, 'g++'))
    refuses(/Python with pip is missing\.\nInstall it \(apt-get install python3-pip\)/, { PATH, CXX: '' })

    await symlink('/bin/true', join(PATH, 'python3'))
    refuses(/pip fetched no wheel\.\n/, { PATH, CXX: '' })
    assert.deepEqual(await readdir(join(elsewhere, '.cache/tfjs')), [])
  })
})
