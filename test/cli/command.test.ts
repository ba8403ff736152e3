import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { CONFIG_KEYS } from '../../src/config/schema.js'
import { renderVideo } from '../../src/media/encode.js'
import { folderWith } from '../config/folder.js'
import { cli } from '../support/cli.js'

before(() => {
  // Settings of whoever runs the tests would be taken for the command's.
  for (const { env } of CONFIG_KEYS) delete process.env[env]
})

describe('stanflow', () => {
  test('--version is that of the package', async () => {
    const manifest = new URL('../../../package.json', import.meta.url)
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
    assert.deepEqual(await cli(['--version']), { code: 0, signal: null, stdout: `${version}\n`, stderr: '' })
  })

  test('--help names every command and shows examples', async () => {
    const { code, stdout } = await cli(['--help'])
    assert.equal(code, 0)
    for (const word of ['backfill', 'report', 'config', 'demo', 'Examples:', 'Exit status']) {
      assert.ok(stdout.includes(word), word)
    }
  })

  test('without a command it explains itself and fails as misused', async () => {
    const { code, stdout, stderr } = await cli([])
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /Usage: stanflow/)
  })

  test("backfill's help lists every setting of its once, with its default", async () => {
    const { code, stdout } = await cli(['backfill', '--help'])
    assert.equal(code, 0)
    for (const { flag, group } of CONFIG_KEYS) {
      const times = ['Cameras', 'Kafka', 'Search', 'Server', 'Alerts', 'Events'].includes(group)
        ? undefined
        : 1
      assert.equal(stdout.match(new RegExp(`^ +${flag} `, 'gm'))?.length, times, flag)
    }
    assert.match(stdout, /--frames <n> .*\(default: 12\)/)
    assert.match(stdout, /stanflow backfill videos\/ --to out/)
  })

  const misuses: readonly [readonly string[], RegExp, RegExp][] = [
    [['backfil'], /Unknown command 'backfil'\./, /Did you mean backfill\?/],
    [['backfill', 'v', '--bach', '3'], /Unknown option '--bach'\./, /Did you mean --batch\?/],
    [['backfill', '--to', 'out'], /Missing required argument 'inputs'\./, /--help/],
    [['backfill', 'v'], /no folder for the results/, /Add --to out\./],
    [['backfill', 'v', '--to', 'o', '--frames', '99'], /--frames must be a whole number/, /--help/],
    [['backfill', 'v', '--to', 'o', '--stride', '2'], /--stride means nothing/, /--sample window/],
    [['backfill', 'v', '--to', 'o', '--labels', 'no.txt'], /no\.txt does not exist/, /--labels/],
    [['config', 'print', '--config', 'no.yaml'], /no\.yaml cannot be read/, /--config/],
    [['report'], /Missing required argument 'folder'\./, /--help/],
  ]
  for (const [args, message, hint] of misuses) {
    test(`${args.join(' ')}: one sentence, a hint, exit status 2`, async (t) => {
      const { code, stdout, stderr } = await cli(args, { cwd: await folderWith(t) })
      assert.deepEqual([code, stdout], [2, ''])
      const lines = stderr.split('\n')
      assert.match(lines[0] ?? '', /^error (USAGE|CONFIG)_INVALID: /)
      assert.match(lines[0] ?? '', message)
      assert.match(lines[1] ?? '', hint)
      assert.equal(lines.length, 3, stderr)
    })
  }

  test('where every video failed the exit status is 1, where one was done it is 0; a note is said once', async (t) => {
    const folder = await folderWith(t, { 'a.mp4': 'no video', 'b.mp4': 'none either' })
    const args = ['backfill', folder, '--to', join(folder, 'out'), '--engine', 'onnx']
    const all = await cli(args)
    assert.equal(all.code, 1, all.stderr)
    assert.match(all.stdout, /failed +2/)
    assert.equal(`${all.stdout}${all.stderr}`.match(/note: The embedded model/g)?.length, 1)
    await renderVideo(join(folder, 'c.mp4'), {
      codec: 'h264',
      filter: 'testsrc2=size=64x64:rate=10:duration=1',
    })
    assert.equal((await cli(args)).code, 0)
    assert.equal((await cli([...args, '--strict'])).code, 1)
  })

  test('with --json an error is an object too, and stdout stays empty', async () => {
    const { code, stdout, stderr } = await cli(['backfill', 'v', '--json'])
    assert.deepEqual([code, stdout], [2, ''])
    const error = JSON.parse(stderr)
    assert.deepEqual([error.event, error.code], ['error', 'USAGE_INVALID'])
  })

  test('stacks are shown to those who ask', async () => {
    const { stderr } = await cli(['backfill', 'v'], { env: { STANFLOW_DEBUG: '1' } })
    assert.match(stderr, /\n {4}at /)
  })
})

describe('stanflow config print', () => {
  test('shows each value and where it came from', async (t) => {
    const cwd = await folderWith(t, { 'stanflow.yaml': 'frames: 64\nlabels: [cat, dog]\n' })
    const { code, stdout } = await cli(
      ['config', 'print', '--batch', '2', '--prompts', 'a {}', '--prompts', 'b {}'],
      {
        cwd,
        env: { STANFLOW_TOP: '3' },
      },
    )
    assert.equal(code, 0)
    const shown = Object.fromEntries(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => {
          const [name, value, origin] = line.split(/\s{2,}/)
          return [name, `${value} ${origin}`]
        }),
    )
    assert.deepEqual(
      Object.keys(shown),
      CONFIG_KEYS.map(({ name }) => name),
    )
    assert.equal(shown.frames, '64 ← stanflow.yaml:1')
    assert.equal(shown.labels, 'cat, dog ← stanflow.yaml:2')
    assert.equal(shown.batch, '2 ← --batch')
    assert.equal(shown.prompts, 'a {} | b {} ← --prompts')
    assert.equal(shown.top, '3 ← STANFLOW_TOP')
    assert.equal(shown.window, '4s ← default')
    assert.equal(shown.stride, '(same as --window; for cameras a quarter of it) ← default')
  })

  test('--json is for programs', async (t) => {
    const cwd = await folderWith(t, { 'night.yaml': 'strict: true\n' })
    const { stdout } = await cli(['config', 'print', '--json', '--config', 'night.yaml', '--no-strict'], {
      cwd,
    })
    const shown = JSON.parse(stdout)
    assert.deepEqual(shown.strict, { value: false, origin: 'flag', name: '--strict' })
    assert.deepEqual(shown.stride, { value: null, origin: 'default' })
    assert.deepEqual(
      Object.keys(shown),
      CONFIG_KEYS.map(({ name }) => name),
    )
  })
})
