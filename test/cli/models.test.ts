import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { writeCheckpoint } from '../support/checkpoints.js'
import { cli, start } from '../support/cli.js'
import { fixture } from '../support/fixtures.js'
import { Hub } from '../support/hub.js'

const ID = 'tiny-team/clip-tiny'
const COMMIT = 'c0ffee00'.repeat(5)
const WEIGHTS = readFileSync(fixture('tiny/model.safetensors'))

const hub = new Hub()
let folder: string
let env: NodeJS.ProcessEnv
before(async () => {
  await hub.start()
  folder = await mkdtemp(join(tmpdir(), 'stanflow-cli-models-'))
})
after(async () => {
  await hub.stop()
  await rm(folder, { recursive: true })
})
let runs = 0
beforeEach(() => {
  hub.forget()
  const files = new Map([
    ['config.json', readFileSync(fixture('tiny/config.json'))],
    ['model.safetensors', WEIGHTS],
    ['tokenizer.json', Buffer.from('{"version":"1.0"}')],
  ])
  hub.add({ id: ID, commit: COMMIT, revisions: ['main'], files })
  env = { STANFLOW_CACHE: join(folder, `cache-${runs++}`), HF_ENDPOINT: hub.endpoint, HF_TOKEN: '' }
})

describe('stanflow models pull', () => {
  test('before it a run says to pull first; after it the model is there by name, offline too', async () => {
    await mkdir(join(folder, 'videos'), { recursive: true })
    const backfill = ['backfill', 'videos', '--to', 'out', '--model', ID, '--dry-run']
    const early = await cli(backfill, { cwd: folder, env })
    assert.equal(early.code, 1)
    assert.match(early.stderr, /MODEL_NOT_FOUND[\s\S]*stanflow models pull tiny-team\/clip-tiny/)

    const pulled = await cli(['models', 'pull', ID], { cwd: folder, env })
    assert.equal(pulled.code, 0, pulled.stderr)
    assert.match(pulled.stdout, new RegExp(`pulled: ${ID} at ${COMMIT}\\n.*\\nuse it with --model ${ID}`))
    const late = await cli(backfill, { cwd: folder, env: { ...env, HF_HUB_OFFLINE: '1' } })
    assert.doesNotMatch(late.stderr, /MODEL_NOT_FOUND/)

    const again = await cli(['models', 'pull', ID, '--json'], { cwd: folder, env })
    assert.deepEqual(JSON.parse(again.stdout).unchanged, true)
  })

  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    test(`ended by ${signal} in mid-file, it goes on where it stopped`, async () => {
      hub.fail(/^cdn/, { stall: true })
      const { child, finished } = start(['models', 'pull', ID], { cwd: folder, env })
      const part = () => {
        const names = existsSync(env.STANFLOW_CACHE ?? '')
          ? (readdirSync(env.STANFLOW_CACHE ?? '', { recursive: true }) as string[])
          : []
        const found = names.find((name) => name.endsWith('model.safetensors.part'))
        return found === undefined ? 0 : readFileSync(join(env.STANFLOW_CACHE ?? '', found)).length
      }
      while (part() < 1000 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20))
      child.kill(signal)
      const { code, stderr } = await finished
      if (signal === 'SIGINT') {
        assert.equal(code, 130)
        assert.match(stderr, /run the same command again/)
      }
      const { code: second, stderr: why } = await cli(['models', 'pull', ID], { cwd: folder, env })
      assert.equal(second, 0, why)
      assert.equal(hub.sent(/safetensors/), WEIGHTS.length)
    })
  }

  test('errors come with a code and a hint, as JSON where asked for', async () => {
    const { code, stderr } = await cli(['models', 'pull', 'no/where', '--json'], { cwd: folder, env })
    assert.equal(code, 1)
    const error = JSON.parse(stderr.trim().split('\n').at(-1) ?? '')
    assert.deepEqual([error.event, error.code], ['error', 'HUB_UNAUTHORIZED'])
  })
})

describe('stanflow models import', () => {
  test('makes a folder, says what it is made of, and refuses what would run', async () => {
    writeCheckpoint('stan-pth', join(folder, 'epoch.pth'))
    const args = ['models', 'import', 'epoch.pth', '--clip', fixture('tiny'), '--to', 'stan']
    const { code, stdout, stderr } = await cli(args, { cwd: folder, env })
    assert.equal(code, 0, stderr)
    assert.match(stdout, /imported: stan, CLIP with stan-self/)
    const evil = await cli(['models', 'import', fixture('formats/malicious-eval.pth'), '--to', 'evil'], {
      cwd: folder,
      env,
    })
    assert.equal(evil.code, 1)
    assert.match(evil.stderr, /MODEL_UNSAFE.*eval/)
    assert.ok(!existsSync(join(folder, 'evil')))
  })
})

describe('stanflow models list', () => {
  test('shows embedded models and pulled ones', async () => {
    await cli(['models', 'pull', ID], { cwd: folder, env })
    const { stdout } = await cli(['models', 'list', '--json'], { cwd: folder, env })
    const { models } = JSON.parse(stdout) as { models: { name: string; kind: string; sha256?: string }[] }
    assert.ok(models.some(({ name, kind }) => name === 'default' && kind === 'embedded'))
    const pulled = models.filter(({ kind }) => kind === 'pulled')
    assert.deepEqual(
      pulled.map(({ name, sha256 }) => [name, sha256]),
      [[ID, createHash('sha256').update(WEIGHTS).digest('hex')]],
    )
    const text = await cli(['models', 'list'], { cwd: folder, env })
    assert.match(text.stdout, /tiny-team\/clip-tiny +mean/)
  })
})

test('every models command has help with examples', async () => {
  for (const command of ['list', 'info', 'pull', 'import', 'export', 'verify']) {
    const { code, stdout } = await cli(['models', command, '--help'])
    assert.equal(code, 0)
    assert.match(stdout, new RegExp(`Examples:\\n  .*stanflow models ${command}`))
  }
})
