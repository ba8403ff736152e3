import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ABLATION, configOf, outcomeTable, spreadOf } from '../../src/train/ablation.js'
import { readCheckpoint } from '../../src/train/checkpoint.js'
import { readYaml } from '../../src/train/config.js'
import { readLog } from '../../src/train/log.js'
import { folderWith } from '../config/folder.js'
import { cli, start } from '../support/cli.js'

const RECIPES = new URL('../../../src/train/recipes/', import.meta.url)

const FILE = `
seeds: [1, 2]
trunk:
  threads: 1
  frames: 3
  model: { size: 24, patch: 12, width: 32, layers: 2, heads: 4, text-width: 32, text-layers: 1, dim: 32, structure: mean, depth: 2 }
  data: { train: 60, pictures: 40, validation: 6, side: 48 }
  stages: [{ name: pictures, kind: pictures, steps: 3, batch: 4, rate: 0.001 }]
stages:
  - name: motions
    kind: clips
    steps: 3
    batch: 2
    rate: 0.001
    wrong: 1
    pictures: 4
    keep: 5
    soften: 4
    groups: [["STAN*", 1], ["temporal_layers*", 1], ["transformerClip*", 1], ["aux.motions*", 1], ["text_*", 0.3]]
variants:
  - { name: mean, structure: mean }
  - { name: posterior, structure: posterior, depth: 1 }
  - { name: intermediate, structure: intermediate }
  - { name: self, structure: stan-self }
  - { name: projected, structure: stan-conv, projection: true }
  - { name: no time, structure: stan-conv, depth: 1, zero: ["STAN_T_layers.*.up.*"], frozen: ["STAN_T_layers*"] }
`

test('every structure is trained from the same CLIP; a run that was killed goes on with what is missing', async (t) => {
  const folder = await folderWith(t, { 'ablate.yaml': FILE })
  const to = join(folder, 'runs')
  const args = ['ablate', '--config', join(folder, 'ablate.yaml'), '--to', to, '--json']
  const first = start(args)
  const log = join(to, 'posterior-1', 'log.jsonl')
  while (readLog(log).length < 1 && first.child.exitCode === null) await wait(5)
  first.child.kill('SIGKILL')
  await first.finished
  const untouched = await readFile(join(to, 'mean-1', 'test.json'), 'utf8')
  const { code, stdout, stderr } = await cli(args)
  assert.equal(code, 0, stderr)
  assert.equal(await readFile(join(to, 'mean-1', 'test.json'), 'utf8'), untouched)

  const { outcomes, finished } = JSON.parse(stdout)
  assert.ok(finished)
  assert.equal(outcomes.length, 6)
  for (const { name, trials } of outcomes) {
    assert.deepEqual(
      trials.map(({ seed }: { seed: number }) => seed),
      [1, 2],
    )
    for (const { appearance, motion, order, parameters, steps } of trials) {
      for (const score of [appearance, motion, order]) assert.ok(score >= 0 && score <= 1, name)
      assert.equal(parameters === 0, name === 'mean')
      assert.equal(steps, 3)
    }
  }

  // Whatever its weights: what mean pooling says is what its frames say.
  const kept = (run: string) => readLog(join(to, run, 'log.jsonl')).map((line) => Number(line.kept))
  for (const value of kept('mean-1')) assert.ok(Math.abs(value) < 1e-5, `${value}`)
  for (const run of ['posterior-1', 'intermediate-1', 'self-1', 'projected-1'])
    for (const value of kept(run)) assert.ok(value > 1e-5, `${run}: ${value}`)

  const weights = (run: string) => {
    const found = readCheckpoint(join(to, run, 'checkpoint.safetensors'))
    assert.ok(found, run)
    return (name: string): number[] => [...(found.parameters.get(name)?.value ?? [])]
  }
  const trunk = weights('trunk')
  const patches = 'vision_model.embeddings.patch_embedding.weight'
  for (const run of ['mean-1', 'intermediate-2', 'projected-1'])
    assert.deepEqual(weights(run)(patches), trunk(patches), `${run} has another CLIP`)
  assert.notDeepEqual(
    weights('self-1')('STAN_time_embed.weight'),
    weights('self-2')('STAN_time_embed.weight'),
  )
  assert.equal(weights('projected-1')('STAN_proj_layers.0.weight').length, 32 * 32)
  assert.ok(weights('no-time-1')('STAN_T_layers.0.up.weight').every((x) => x === 0))
  assert.ok(weights('projected-1')('STAN_T_layers.0.up.weight').some((x) => x !== 0))

  // People read what each run came to as it ends.
  await writeFile(join(folder, 'ablate.yaml'), FILE.replace('seeds: [1, 2]', 'seeds: [3]'))
  const third = await cli(args.slice(0, -1))
  assert.equal(third.code, 0, third.stderr)
  const ended =
    /^no-time-3: appearance R@1 [\d.]+ %, motion top-1 [\d.]+ %, order pairs [\d.]+ % {2}\([\d,]+ parameters, \w+\)$/m
  assert.match(third.stderr, ended)

  await writeFile(join(folder, 'ablate.yaml'), FILE.replace('keep: 5', 'keep: 6'))
  const other = await cli(args)
  assert.equal(other.code, 2)
  assert.match(other.stderr, /mean-1 was trained by another configuration/)
})

test('the recipes that come with stanflow are ones it reads', async () => {
  for (const name of ['structures', 'ablations']) {
    const ablation = await readYaml(fileURLToPath(new URL(`${name}.yaml`, RECIPES)), ABLATION)
    for (const variant of ablation.variants) {
      const { model, stages } = configOf(ablation, variant, 7)
      assert.equal(model.structure, variant.structure)
      assert.equal(stages.length, ablation.stages.length)
      assert.ok(stages.slice(1).every((stage) => stage.kind === 'clips' && !stage['branch-from-clip']))
    }
  }
})

test('the table has the mean and the sample deviation of the seeds', () => {
  const { mean, deviation } = spreadOf([0.5, 0.6, 0.7])
  assert.ok(Math.abs(mean - 0.6) < 1e-12 && Math.abs(deviation - 0.1) < 1e-12)
  const trial = { appearance: 0.5, order: 0.5, parameters: 1234, steps: 1, seconds: 10 }
  const rows = outcomeTable([
    {
      name: 'a',
      trials: [
        { ...trial, seed: 1, motion: 0.4 },
        { ...trial, seed: 2, motion: 0.6, seconds: 20 },
      ],
    },
    { name: 'b', trials: [{ ...trial, seed: 1, motion: 0.25 }] },
    { name: 'not there yet', trials: [] },
  ])
  assert.deepEqual(rows[1], ['a', '1,234', '50.0 ± 0.0', '50.0 ± 14.1', '50.0 ± 0.0', '15', '2'])
  assert.deepEqual(rows[2], ['b', '1,234', '50.0', '25.0', '50.0', '10', '1'])
  assert.equal(rows.length, 3)
})
